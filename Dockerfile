# syncd in a container: docker build -t syncd .
# What goes in is pinned by hash; the index it comes from is whatever pip is set to where the image is built.
ARG PYTHON_IMAGE=python:3.11-slim-bookworm

# ---------------------------------------------------------------- build: pip, and hatchling, stay behind here
FROM ${PYTHON_IMAGE} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INPUT=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /src
COPY requirements/ requirements/
# in a layer of its own, which a change of the program does not touch
RUN python -m venv --without-pip /opt/syncd \
    && python -m venv /opt/build \
    && /opt/build/bin/pip install --no-cache-dir --require-hashes -r requirements/install.txt \
    && /opt/build/bin/pip --python /opt/syncd/bin/python install --no-cache-dir --require-hashes --no-compile \
        -r requirements/runtime.txt
COPY pyproject.toml README.md ./
COPY syncd/ syncd/
RUN /opt/build/bin/pip wheel --no-deps --no-build-isolation --no-index --wheel-dir /tmp/wheel . \
    && /opt/build/bin/pip --python /opt/syncd/bin/python install --no-deps --no-index --no-compile /tmp/wheel/*.whl \
    && python -m compileall -q -j 0 --invalidation-mode unchecked-hash /opt/syncd

# ---------------------------------------------------------------- run
FROM ${PYTHON_IMAGE}
LABEL org.opencontainers.image.title="syncd" \
      org.opencontainers.image.description="Keeps a SQL store of people, organizations and roles true to LDAP directories"
# a number, so that Kubernetes can see that it is not root
RUN groupadd --system --gid 10001 syncd \
    && useradd --system --uid 10001 --gid syncd --home-dir /var/lib/syncd --shell /usr/sbin/nologin syncd \
    && install -d -o syncd -g syncd -m 0750 /var/lib/syncd \
    && install -d -o root -g syncd -m 0750 /etc/syncd
COPY --from=build /opt/syncd /opt/syncd
# the configuration is mounted at /etc/syncd/syncd.toml; secrets come as files, by SYNCD_..._FILE. A container has an address
# of its own, so it listens on all of them; this variable goes before what the file says.
ENV PATH=/opt/syncd/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    SYNCD_HTTP__LISTEN=0.0.0.0:8080
USER 10001:10001
WORKDIR /var/lib/syncd
VOLUME /var/lib/syncd
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request as r; r.urlopen('http://127.0.0.1:' + os.environ['SYNCD_HTTP__LISTEN'].rpartition(':')[2] + '/livez', timeout=4)"]
ENTRYPOINT ["syncd"]
CMD ["run"]

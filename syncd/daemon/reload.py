"""HUP: go over to what the configuration says now, or stay with what it said before; never anything in between."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from syncd.daemon.generation import Generation
from syncd.errors import ConfigurationError, SyncdError
from syncd.model.run import Trigger
from syncd.settings.root import RootSettings
from syncd.threads import in_thread

if TYPE_CHECKING:
    from syncd.daemon.runtime import Daemon

log = structlog.get_logger("syncd.daemon")


async def run(daemon: Daemon) -> None:
    """Until cancelled: one reload per signal, those that come meanwhile collapsed into one."""
    while True:
        await daemon.signals.reload.wait()
        daemon.signals.reload.clear()
        await once(daemon)


async def once(daemon: Daemon) -> bool:
    """One reload; whether the configuration was taken over. Whatever is wrong with it, the old one goes on."""
    daemon.notifier.reloading()
    try:
        return await _reload(daemon)
    except ConfigurationError as error:
        for problem in error.problems or (error.message,):
            log.error("configuration problem", problem=problem)
        log.error("configuration not taken over, the old one stays", problems=len(error.problems) or 1)
    except SyncdError as error:
        log.error("configuration not taken over, the old one stays", code=error.code, message=error.message, advice=error.hint)
    except Exception:
        log.exception("configuration not taken over, the old one stays")
    finally:
        daemon.notifier.ready()
    return False


async def _reload(daemon: Daemon) -> bool:
    old = daemon.generation
    if old is None:
        return False
    settings = await in_thread(daemon.load, name="load configuration")
    if settings == old.runtime.settings:
        log.info("configuration unchanged")
        return False
    runtime = await in_thread(lambda: daemon.open_runtime(settings), name="open store")
    try:
        new = daemon.new_generation(runtime)
        if settings.http.listen != old.runtime.settings.http.listen:
            await daemon.http.move(settings.http.listen)
    except BaseException:
        await in_thread(runtime.close, name="close runtime")
        raise
    await old.stop_loops()
    daemon.generation = new
    await new.start(_openings(old.runtime.settings, settings))
    daemon.retiring.add(old)
    daemon.tasks.start("retire configuration", _retire(daemon, old), eternal=False)
    log.info("configuration taken over", directories=sorted(settings.directories), url=daemon.http.url)
    return True


async def _retire(daemon: Daemon, old: Generation) -> None:
    await old.idle()
    await old.close()
    daemon.retiring.discard(old)


def _openings(old: RootSettings, new: RootSettings) -> dict[str, Trigger]:
    """Directories whose configuration is new or not what it was are synced at once."""
    everything = old.store != new.store or old.custom_fields != new.custom_fields
    return {
        name: Trigger.CONFIGURATION
        for name, directory in new.directories.items()
        if everything or old.directories.get(name) != directory
    }

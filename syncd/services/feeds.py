"""Which feed a directory is followed by, and why that one.

The best that the server offers and that can serve the site: a feed that is silent about what the site's people are made of, or
that names entries by ids that are not the site's, is none, however fast it is.
"""

from __future__ import annotations

from syncd.model.attributes import canonical_attribute
from syncd.model.checks import CheckLine, CheckStatus
from syncd.model.feed import FeedChoice, FeedKind
from syncd.model.reading import ServerInfo
from syncd.settings.directory import DirectorySettings
from syncd.settings.profiles import Profile, ProfileFeed, profile_of

# these tell of removed entries by the vendor's own id, and of nothing else
_BY_VENDOR_ID = frozenset((FeedKind.SYNCREPL, FeedKind.DIRSYNC))
_SILENT_ON_MEMBEROF = "memberOf changes are shown by no feed"


def choose_feed(settings: DirectorySettings, server: ServerInfo, profile: Profile | None = None) -> FeedChoice:
    """The feed for this server. `profile`: the vendor's when left out; `settings`: filled or as written, which is the same."""
    profile = profile or profile_of(server.vendor)
    if settings.feed != "auto":
        kind = FeedKind(settings.feed)
        return FeedChoice(kind=kind, reason="chosen by `feed`", live=_live(settings, server, profile.feed(kind)))
    if _by_member_of(settings):
        return FeedChoice(kind=FeedKind.FULL, reason=_SILENT_ON_MEMBEROF)
    passed_over: list[str] = []
    for feed in profile.feeds:
        obstacle = _obstacle(settings, server, profile, feed)
        if not obstacle:
            why = ", and ".join([feed.reason, *passed_over])
            return FeedChoice(kind=feed.kind, reason=why, live=_live(settings, server, feed))
        passed_over.append(obstacle)
    return FeedChoice(kind=FeedKind.FULL, reason=", and ".join(passed_over) or "the server offers no feed")


def feed_line(settings: DirectorySettings, server: ServerInfo, profile: Profile | None = None) -> CheckLine:
    """What a check says of the feed: a warning where more could be had."""
    profile = profile or profile_of(server.vendor)
    choice = choose_feed(settings, server, profile)
    text = f"{choice.kind.value}{', live' if choice.live else ''}: {choice.reason}"
    advice = _advice(settings, server, profile, choice)
    return CheckLine(name="feed", status=CheckStatus.WARN if advice else CheckStatus.PASS, text=text, advice=advice)


def _by_member_of(settings: DirectorySettings) -> bool:
    return settings.roles.enabled and "memberOf" in settings.roles.member_attributes


def _obstacle(settings: DirectorySettings, server: ServerInfo, profile: Profile, feed: ProfileFeed) -> str:
    """Why the feed cannot serve this site; "" when it can."""
    if feed.control is not None and feed.control not in server.controls:
        return f"the server does not offer {feed.kind.value}"
    own = settings.entry_id_attribute
    if own is None or feed.kind not in _BY_VENDOR_ID:
        return ""
    same = canonical_attribute(own) == canonical_attribute(profile.entry_id_attribute)
    return "" if same else f"{feed.kind.value} does not name removed entries by {own}"


def _live(settings: DirectorySettings, server: ServerInfo, feed: ProfileFeed | None) -> bool:
    if feed is None or not feed.live or not settings.live:
        return False
    return feed.live_control is None or feed.live_control in server.controls


def _advice(settings: DirectorySettings, server: ServerInfo, profile: Profile, choice: FeedChoice) -> str:
    """How to get a better feed, or what is wrong with the one that the site chose; "" when there is nothing to be done."""
    if settings.feed == "auto" and _by_member_of(settings):
        return "Let `roles.member_attribute` name the groups' own attribute, if the bind account may read the groups."
    chosen = profile.feed(choice.kind)
    if settings.feed != "auto":
        if choice.kind is FeedKind.FULL:
            better = choose_feed(settings.model_copy(update={"feed": "auto"}), server, profile)
            offered = better.kind is not FeedKind.FULL
            return f'Everything is read each time; with `feed = "auto"` it would be {better.kind.value}.' if offered else ""
        if chosen is None or (chosen.control is not None and chosen.control not in server.controls):
            how = chosen.advice if chosen is not None else ""
            return (
                f"The server does not say that it offers {choice.kind.value}, and each run will read everything. {how}".strip()
            )
        return ""
    for feed in profile.feeds:
        if feed is chosen:
            break
        if feed.advice and feed.control is not None and feed.control not in server.controls:
            return feed.advice
    return ""

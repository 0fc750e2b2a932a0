"""Decides what each track is now, from what lies in the folders.

The order of decisions, every time the folders are looked at:

1. A track whose file is still there under any name, with its content, stays with it: a rename only changes its path.
2. A track whose content is gone from its file (truncated, rewritten, deleted while the agent was down) looks for a copy
   of that content among files nobody claims, and goes on in it.  Without one, what was seen and not read is lost, and
   said.
3. A file nobody claims is a copy of something known (then it is not read), a new live file, or a generation that was
   written and rotated away while nobody looked (then it is read from its beginning).

Rotated files that were there before a pattern was first started are noted as ignored, so that "unknown" means "new".
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from functools import partial
from pathlib import PurePath
from typing import NamedTuple

from agent.tail.claims import Claims, Kin, kin_keys
from agent.tail.contents import Contents, UnreadableError, continues, go_to_end, has_head_of, same_ends
from agent.tail.links import Links
from agent.tail.listing import Found
from agent.tail.names import is_rotated_form, live_names, matches, packed_mark
from agent.tail.packed import is_packed
from agent.tail.settings import InputFiles
from agent.tail.track import State, Track, hash_bytes


class _Judgement(Enum):
    """What a file that nobody claims is: something new, a copy of something known, or not to be told yet."""

    NEW = 1
    COPY = 2
    WAIT = 3


_NEW, _COPY, _WAIT = _Judgement
#: A copy that has not grown for so long is not being made any more.
_COPYING_NS_MAX = 60 * 10**9
#: Reads a file that is held open: (offset, size) -> bytes; raises OSError.
ReadHeld = Callable[[int, int], bytes]
#: How a track's file that is held open is read; None when it is not.
Held = Callable[[Track], ReadHeld | None]


class Lost(NamedTuple):
    """Bytes that were seen in a file and were gone before they could be read."""

    input: str
    file: str
    bytes: int
    track: int


class View(NamedTuple):
    """What lies in the folders now.  ``live``: path -> name of the input that names it.

    ``unreadable``: folders that could not be listed or are not there, about which nothing is known.
    """

    files: Mapping[str, Found]
    live: Mapping[str, str]
    unreadable: frozenset[str]
    now_us: int


@dataclass
class Outcome:
    """What was decided: ids of tracks that are new or changed, moved to another file, or forgotten; bytes lost."""

    changed: set[int] = field(default_factory=set)
    moved: set[int] = field(default_factory=set)
    removed: set[int] = field(default_factory=set)
    lost: list[Lost] = field(default_factory=list)


class Reconciler:
    """Holds the tracks.  ``started`` are the patterns whose older rotated files have been noted.

    ``since_us``: a rotated file written to after that is never taken for one from before the first start.
    """

    def __init__(
        self,
        inputs: Iterable[InputFiles],
        contents: Contents,
        *,
        fingerprint_bytes: int,
        forget_after_us: int,
        since_us: int,
        tracks: Iterable[Track] = (),
        started: Iterable[str] = (),
    ) -> None:
        self._inputs = {files.name: files for files in inputs}
        self._patterns = {pattern: files for files in self._inputs.values() for pattern in files.patterns}
        self._contents = contents
        self._fingerprint_bytes = fingerprint_bytes
        self._forget_after_us = forget_after_us
        self._since_us = since_us
        self.tracks = {track.id: track for track in tracks}
        self.started = set(started)
        self._next_id = max(self.tracks, default=0) + 1
        self._verified: dict[int, Found] = {}
        #: Where the live paths lead that are symbolic links; to be set before a look.
        self.links = Links({})
        self.is_undecided = False  # the last look left a file of which it cannot be told yet what it is

    def reconcile(self, view: View, held: Held) -> Outcome:
        """Bring every track up to date with what was found, and begin tracks for what is new.

        ``held`` returns how to read a file that the reader holds open: it can be read to its end even without a name.
        """
        outcome = Outcome()
        self.is_undecided = False
        claims = Claims(view.files.values())
        # What is nowhere to be found takes no file from a track that lives in it.
        ordered = sorted(self.tracks.values(), key=lambda track: track.state == "missing")
        displaced = [track for track in ordered if not self._stays(track, view, held, claims, outcome)]
        for track in displaced:
            self._move_or_miss(track, view, claims, outcome)
        self._begin_tracks(view, claims, outcome)
        self.started.update(self._patterns, map(packed_mark, self._patterns), self.links.marks())
        return outcome

    def distrust(self, track: Track) -> None:
        """Verify a track's content anew at the next look, even if its file looks unchanged."""
        self._verified.pop(track.id, None)

    # 1. Tracks that stay with their file.

    def _stays(self, track: Track, view: View, held: Held, claims: Claims, outcome: Outcome) -> bool:
        found = claims.at(track, view.live)
        if found is not None and track.is_blank and held(track) is None:
            track.size = max(0, track.size - found.size)  # what is there (unreadable until now) is not lost
            return False  # its inode number may have been given to another file since
        if found is None:
            if str(PurePath(track.path).parent) in view.unreadable:
                return True
            read = held(track)
            if read is None or self._is_replaced(track, view):
                return False
            self._set_state(track, "rotated", outcome)
            # Without a name it may have been compressed a moment ago: only its head tells what that file is a copy of.
            self._grow_head(track, read, outcome)
            return True
        if self._verified.get(track.id) != found:
            try:
                if not track.is_packed_in(found) and not self._holds(found, track):
                    return False
            except UnreadableError:  # nothing is known of it: neither is it given up nor begun anew
                self.is_undecided = True
                claims.claim(found)
                return True
            self._verified[track.id] = found
        claims.claim(found)
        self._note(track, found, view, outcome)
        return True

    def _is_replaced(self, track: Track, view: View) -> bool:
        """Return whether a copy of a track's content took its place and goes on there (rsync, ``sed -i``)."""
        heir = view.files.get(track.path)
        if heir is None or not track.head_bytes or not track.offset:
            return False
        try:
            return continues(self._contents, heir, track)
        except UnreadableError:
            return False

    def _holds(self, found: Found, track: Track) -> bool:
        """Return whether a file still has a track's content up to its offset."""
        if track.state == "ignored":
            return has_head_of(self._contents, found, track)
        return continues(self._contents, found, track)

    def _note(self, track: Track, found: Found, view: View, outcome: Outcome) -> None:
        files = self._input_of(found, view)
        if files is not None and track.input != files.name:  # renamed in the configuration
            track.input = files.name
            outcome.changed.add(track.id)
        if (track.path, track.size) != (found.path, found.size):
            track.path, track.size = found.path, found.size
            outcome.changed.add(track.id)
        if found.packed_bytes and not track.is_packed_in(found):
            track.note_packed(found)
            outcome.changed.add(track.id)
        if track.state == "ignored" and self.links.leads(found.path):  # a day from before the start, after all
            track.offset = track.anchor_bytes = 0
        if track.state == "finished":
            self._set_state(track, "rotated" if found.size > track.offset else "finished", outcome)
        elif track.state != "ignored" or (found.size > track.offset and not found.packed_bytes):
            self._set_state(track, "live" if _is_written(found.path, view) else "rotated", outcome)
        self._grow_head_of(track, found, outcome)

    def _grow_head_of(self, track: Track, found: Found, outcome: Outcome) -> None:
        if track.head_bytes < min(found.size, self._fingerprint_bytes):
            self._grow_head(track, partial(self._contents.read, found), outcome)

    def _grow_head(self, track: Track, read: ReadHeld, outcome: Outcome) -> None:
        if track.head_bytes >= self._fingerprint_bytes:
            return
        try:
            head = read(0, self._fingerprint_bytes)
        except (UnreadableError, OSError):
            return
        # The file may have been rewritten a moment ago: the head grows only out of the head that is known.
        known = not track.head_bytes or hash_bytes(head[: track.head_bytes]) == track.head_hash
        if known and len(head) > track.head_bytes:
            track.head_bytes, track.head_hash = len(head), hash_bytes(head)
            outcome.changed.add(track.id)

    def _set_state(self, track: Track, state: State, outcome: Outcome) -> None:
        if track.state != state:
            track.state = state
            outcome.changed.add(track.id)

    # 2. Tracks whose content is gone from where it was.

    def _move_or_miss(self, track: Track, view: View, claims: Claims, outcome: Outcome) -> None:
        # Nothing can be known for a copy of what is blank; thousands of empty files would be compared with each other.
        copy = None if track.state == "ignored" or track.is_blank else self._find_copy(track, view, claims)
        unread = track.size - max(track.offset, copy.size if copy else 0)
        if track.is_read and unread > 0:
            outcome.lost.append(Lost(track.input, track.path, unread, track.id))
        if copy is None:
            self._miss(track, view, outcome)
            return
        claims.claim(copy)
        track.device, track.inode, track.path, track.size = copy.device, copy.inode, copy.path, copy.size
        track.note_packed(copy)
        if copy.size < track.offset:  # lines that came after the copy was made were read before the truncation
            track.offset, track.anchor_bytes, track.skipping = copy.size, 0, False
        self._set_state(track, "rotated" if copy.size > track.offset else "finished", outcome)
        outcome.changed.add(track.id)
        outcome.moved.add(track.id)

    def _find_copy(self, track: Track, view: View, claims: Claims) -> Found | None:
        """Return the file that holds a track's content now: whole, or cut short below what was read of it.

        Where an application writes is no copy of what was not read at all: the first bytes of a line prove nothing.
        """
        keys = self.links.keys(track.path)
        cut: Found | None = None
        for found in claims.unclaimed():
            if found.identity == track.identity or keys.isdisjoint(self.links.keys(found.path)):
                continue
            if not track.offset and _is_written(found.path, view):
                continue
            try:
                if not has_head_of(self._contents, found, track):
                    continue
                if continues(self._contents, found, track):
                    return found
            except UnreadableError:
                continue
            if found.size < track.offset and live_names(PurePath(found.path).name):
                cut = cut or found
        return cut

    def _miss(self, track: Track, view: View, outcome: Outcome) -> None:
        if track.state != "missing" and not track.is_blank:
            track.missing_since = view.now_us
            outcome.moved.add(track.id)
        elif track.is_blank or view.now_us - track.missing_since > self._forget_after_us:
            del self.tracks[track.id]
            self._verified.pop(track.id, None)
            outcome.removed.add(track.id)
            return
        self._set_state(track, "missing", outcome)

    # 3. Files that nobody claims.

    def _begin_tracks(self, view: View, claims: Claims, outcome: Outcome) -> None:
        kin: Kin | None = None
        # Where applications write comes first: beside it, a copy that is being made is known for one.
        unclaimed = sorted(claims.unclaimed(), key=lambda found: not _is_written(found.path, view))
        for found in unclaimed:
            if claims.has(found):
                continue
            files = self._input_of(found, view)
            if files is None:
                continue
            kin = kin or Kin(self.tracks.values(), self.links.keys)
            try:
                judgement = self._judge(found, kin, view)
                track = None if judgement is _WAIT else self._begin(found, files, view, judgement)
            except UnreadableError:  # what it is can be told when it can be read
                track = None
            if track is None:
                self.is_undecided = True
                continue
            claims.claim(found)
            self.tracks[track.id] = track
            outcome.changed.add(track.id)
            self._grow_head_of(track, found, outcome)
            kin.add(track)

    def _judge(self, found: Found, kin: Kin, view: View) -> "Track | _Judgement":
        """Return what a file that nobody claims is; the track whose content it goes on with, if it is such a copy."""
        for owner in kin.of(found.path):
            if not self._is_copy(found, owner, view):
                continue
            if _is_written(found.path, view):
                # An application writes here: some first bytes in common with an older file prove nothing.
                known = owner.state in ("finished", "ignored") and owner.offset >= self._fingerprint_bytes
                if known and continues(self._contents, found, owner):
                    return owner
            elif owner.is_read or found.size < owner.offset:
                # A copy that is being made, or one that its owner may yet need; or a file that is just like another
                # so far.  Which of them shows when it goes on, or does not for a while.
                quiet = view.now_us * 1000 - found.modified > _COPYING_NS_MAX
                return _NEW if quiet and not owner.is_read else _WAIT
            else:
                return _COPY
        return _NEW

    def _input_of(self, found: Found, view: View) -> InputFiles | None:
        name = view.live.get(found.path)
        if name is not None:
            return self._inputs[name]
        if found.size == 0:
            return None
        return self._rotated_of(found.path, view.live)

    def _is_copy(self, found: Found, track: Track, view: View) -> bool:
        """Return whether a file holds a track's content as far as it goes.

        The track's file, if it still holds the content, is compared with; if not, what is remembered of it.
        """
        original = view.files.get(track.path)
        if original is not None and original.identity == found.identity:
            return False
        if original is not None and original.identity == track.identity and self._holds(original, track):
            # Nothing is longer than what it was copied from (asked now: that may have grown since it was listed).
            whole = found.size <= original.size or self._contents.read(original, found.size - 1, 1)
            return bool(whole) and same_ends(self._contents, found, original, self._fingerprint_bytes)
        if found.size < track.offset:
            return has_head_of(self._contents, found, track)
        return track.head_bytes > 0 and continues(self._contents, found, track)

    def _begin(self, found: Found, files: InputFiles, view: View, judgement: "Track | _Judgement") -> Track:
        track = Track(
            id=self._next_id, input=files.name, path=found.path, device=found.device, inode=found.inode, size=found.size
        )
        track.note_packed(found)
        first_start = self._is_first_start(found.path, files)
        is_live = found.path in view.live
        if judgement is _COPY or (first_start and not is_live and self._is_from_before(found, files)):
            track.state, track.offset = "ignored", found.size
        else:
            track.state = "live" if _is_written(found.path, view) else "rotated"
            if isinstance(judgement, Track):
                track.offset = judgement.offset
                track.anchor_bytes, track.anchor_hash = judgement.anchor_bytes, judgement.anchor_hash
            elif first_start and files.read_from == "end":
                go_to_end(self._contents, found, track, files.encoding)
        self._next_id += 1
        return track

    def wants_content(self, found: Found, live: Mapping[str, str]) -> bool | None:
        """Return whether the content of a compressed file that no track knows matters.

        False: it will be ignored, whatever is in it; None: it is none of any input's.
        """
        if found.path in live:
            return True
        files = self._rotated_of(found.path, live)
        if files is None:
            return None
        return not (self._is_first_start(found.path, files) and self._is_from_before(found, files))

    def _rotated_of(self, path: str, live: Mapping[str, str]) -> InputFiles | None:
        for pattern, files in self._patterns.items():
            if is_rotated_form(path, pattern):
                return files
        family = self.links.family(path)
        return None if family is None else self._inputs[live[family[0]]]

    def _is_from_before(self, found: Found, files: InputFiles) -> bool:
        """Return whether a rotated file that is met at the first start is none of ours."""
        return files.read_from == "end" or found.modified < self._since_us * 1000

    def _is_first_start(self, path: str, files: InputFiles) -> bool:
        naming = [p for p in files.patterns if matches(path, p) or is_rotated_form(path, p)]
        if not naming and (family := self.links.family(path)):
            return family[1] not in self.started
        naming = naming or list(files.patterns)
        return self.started.isdisjoint(map(packed_mark, naming) if is_packed(path) else naming)


def _is_written(path: str, view: View) -> bool:
    """Return whether a path is where its application writes: named by an input, and no rotated form of such a one.

    Nobody writes into what was compressed.
    """
    if path not in view.live or is_packed(path):
        return False
    return all(key == path or key not in view.live for key in kin_keys(path))

"""The key of a store, and whose store a folder is."""

from contextlib import closing
from pathlib import Path

from collector.store import hot, sealed
from collector.store.checkpoint import KEY_FILE, name_of_store
from collector.store.connections import open_segment
from collector.store.durable import write_durably
from collector.store.layout import forms_in, path_of
from collector.store.signing import KeyUnusableError, Signer, load_signer
from watchbook.logs import get_logger

log = get_logger("store")


def store_of(folder: Path) -> str | None:
    """Return the uuid of the store in a folder, None when nothing there says it."""
    for form in reversed(forms_in(folder)):
        if form.tier == "archived":
            continue
        try:
            with closing(
                open_segment(path_of(folder, form.name, form.tier), immutable=form.tier == "sealed")
            ) as connection:
                if form.tier == "sealed":
                    return sealed.read_meta(connection).store
                if hot.is_begun(connection):
                    return hot.read_meta(connection).store
        except KeyError:
            continue
    return None


def open_signer(folder: Path, key_path: Path) -> tuple[Signer, str]:
    """Return the signer of the store in a folder, and the store's uuid.

    Makes the key when there is none, and puts its public half into the folder.  Raises KeyUnusableError.
    """
    store = store_of(folder)
    if store is None:
        raise KeyUnusableError(f"{folder}: there is no segment yet, so it is not known whose key is needed")
    return signer_of(folder, key_path, store), store


def signer_of(folder: Path, key_path: Path, store: str) -> Signer:
    """Return the signer of a store, whose key is made when there is none; its public half is put into the folder."""
    signer = load_signer(name_of_store(store), key_path)
    public, path = f"{signer.verifier}\n".encode(), folder / KEY_FILE
    before = path.read_bytes() if path.exists() else None
    if before != public:
        if before is not None:
            next_step = "bring the old key back from a backup: the ledger goes on with it alone"
            log.warning("checkpoint_key_changed", path=str(key_path), next_step=next_step)
        write_durably(path, public)
    return signer

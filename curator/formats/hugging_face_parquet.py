"""Hugging Face's data set in Parquet: `data/train-00000-of-00001.parquet` with the pictures inside, and a card."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from curator.formats.dataset_card import CARD, dataset_card
from curator.formats.locations import write_file
from curator.formats.members import Fact, masks_of
from curator.formats.pairs import SetItem
from curator.pictures.codec import encode_mask
from db.errors import WinnowError
from db.store import Store
from db.tables import Split

KEEPS = frozenset(Fact)
PICTURES = ("image", "mask", "skin", "unknown")
TEXTS = ("contributor", "licence", "consent_basis", "consent_date", "consent_expires", "mask_origin")
ROWS_AT_ONCE = 100  # a row group, which is all that is in memory: some tens of MB
ROWS_OF_A_FILE = 1000  # some 200 MB; Hugging Face advises less than 500 MB
COLUMNS_IN_WORDS = (
    "`image` is the photo, `mask` its hair (0 to 255), `skin` its skin where that is labelled. Leave the pixels of `unknown` "
    "(255) out of losses and measures: nothing is known of them, or they lie outside the photo."
)


def write(folder: Path, items: list[SetItem], store: Store) -> int:
    """Write `data/` with a split's rows in files of ROWS_OF_A_FILE, row group by row group, and the card.

    Returns 0: soft masks stay soft. Raises WinnowError if the folder can't be written to.
    """
    import pyarrow  # takes a second to import, and only Parquet needs it
    import pyarrow.parquet

    schema = _schema()
    (folder / "data").mkdir(parents=True)
    for split in Split:
        files = list(_parts([item for item in items if item.split is split], ROWS_OF_A_FILE))
        for number, members in enumerate(files):
            path = folder / "data" / f"{split.value}-{number:05d}-of-{len(files):05d}.parquet"
            try:
                with pyarrow.parquet.ParquetWriter(path, schema, use_dictionary=False) as out:
                    for group in _parts(members, ROWS_AT_ONCE):
                        rows = [_row(item, store) for item in group]
                        out.write_table(pyarrow.Table.from_pylist(rows, schema=schema))
            except OSError as error:
                raise WinnowError(f"{path} cannot be written to ({error.strerror or error}).") from None
    write_file(folder / CARD, dataset_card(items, "data/{split}-*", COLUMNS_IN_WORDS))
    return 0


def _parts(members: Sequence[SetItem], size: int) -> Iterator[Sequence[SetItem]]:
    return (members[start : start + size] for start in range(0, len(members), size))


def _schema() -> Any:
    import pyarrow

    picture = pyarrow.struct([("bytes", pyarrow.binary()), ("path", pyarrow.string())])
    kinds = dict.fromkeys(PICTURES, picture) | dict.fromkeys(TEXTS, pyarrow.string())
    kinds |= {"drawn": pyarrow.bool_(), "example": pyarrow.int64()}
    features: dict[str, dict[str, str]] = {name: {"_type": "Image"} for name in PICTURES}
    features |= {name: {"dtype": "string", "_type": "Value"} for name in TEXTS}
    features |= {"drawn": {"dtype": "bool", "_type": "Value"}, "example": {"dtype": "int64", "_type": "Value"}}
    return pyarrow.schema(list(kinds.items()), {"huggingface": json.dumps({"info": {"features": features}})})


def _row(item: SetItem, store: Store) -> dict[str, Any]:
    unknown = masks_of(item, store).unknown
    pictures = {
        "image": store.get(item.image),
        "mask": store.get(item.mask),
        "skin": None if item.skin is None else store.get(item.skin),
        "unknown": None if unknown is None else encode_mask(unknown),
    }
    texts = {name: word or None for name, word in item.about.items()}
    return {**texts, "drawn": item.drawn, "example": item.example} | {
        name: None if data is None else {"bytes": data, "path": f"{item.name}.{'jpg' if name == 'image' else 'png'}"}
        for name, data in pictures.items()
    }

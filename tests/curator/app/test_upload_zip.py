"""The zip that a browser makes of many files, read by Python: what was dropped is what arrives."""

import base64
import io
import json
import random
import shutil
import subprocess
import zipfile
import zlib
from pathlib import Path
from typing import Any

import pytest

from curator.formats import archive
from db.settings import Limits

ROOT = Path(__file__).parents[3]
ZIP = ROOT / "curator/app/components/upload/zip.js"
NAMES = (
    "a.jpg",
    "Köln ☀/ä.png",
    "photos/日本.jpg",
    "an 'odd' \\ <b>name</b>.png",
    "x" * 250,
    "emoji-😀.jpg",
    "z/z/z/.DS_Store",
)

pytestmark = pytest.mark.skipif(shutil.which("node") is None, reason="Node.js is not installed; apt-get install nodejs")


def in_node(script: str, given: Any) -> Any:
    """What a module says as JSON of what it is given as JSON; `zip` is the module of the writer."""
    module = f"import * as zip from {json.dumps(ZIP.as_uri())};\nconst given = JSON.parse(await text(process.stdin));\n{script}"
    start = 'import { text } from "node:stream/consumers";\n'
    done = subprocess.run(
        ["node", "--input-type=module", "-e", start + module], input=json.dumps(given), capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def zips_of(many: list[dict[str, bytes]]) -> list[bytes]:
    """The zip of each of these folders of files."""
    made = in_node(
        """
        const bytes = (data) => Buffer.from(data, "base64");
        const zips = [];
        for (const files of given) {
          const entries = files.map(([name, data]) => ({ name, file: new File([bytes(data)], name) }));
          const blob = await zip.zipOf(entries, () => {}, new AbortController().signal);
          zips.push(Buffer.from(await blob.arrayBuffer()).toString("base64"));
        }
        console.log(JSON.stringify(zips));
        """,
        [[[name, base64.b64encode(data).decode()] for name, data in files.items()] for files in many],
    )
    return [base64.b64decode(each) for each in made]


def test_any_names_and_any_bytes_arrive_as_they_were(tmp_path: Path) -> None:
    rng = random.Random(7)
    many = [
        {f"{number}-{rng.choice(NAMES)}": rng.randbytes(rng.choice((0, 1, 100, 5000))) for number in range(rng.randint(0, 12))}
        for _ in range(60)
    ]
    many.append({"large.jpg": rng.randbytes(9 * 2**20)})  # read in several blocks
    for files, data in zip(many, zips_of(many), strict=True):
        with zipfile.ZipFile(io.BytesIO(data)) as found:
            assert found.testzip() is None
            assert {name: found.read(name) for name in found.namelist()} == files
            assert all(one.compress_type == zipfile.ZIP_STORED for one in found.infolist())
    (tmp_path / "a.zip").write_bytes(zips_of([{"images/ä.jpg": b"a photo"}])[0])
    archive.check(tmp_path / "a.zip", tmp_path, Limits(), "a.zip")


def test_seventy_thousand_files_and_more_than_four_gib_fit_in(tmp_path: Path) -> None:
    members = [{"name": f"{number}.png", "size": 0, "crc": 0} for number in range(70_000)]
    members += [{"name": f"{number}.bin", "size": 2**32 - 2, "crc": 0} for number in range(2)]
    last = {"name": "after.txt", "size": 5, "crc": zlib.crc32(b"after")}
    found = in_node(
        """
        const { locals, end } = zip.headersOf(given);
        const coded = (parts) => parts.map((part) => Buffer.from(part).toString("base64"));
        console.log(JSON.stringify({ locals: coded(locals), end: coded(end) }));
        """,
        [*members, last],
    )
    with (tmp_path / "large.zip").open("wb") as file:  # its two large members are holes on the disk
        for member, local in zip([*members, last], found["locals"], strict=True):
            file.write(base64.b64decode(local))
            file.seek(member["size"], 1) if member is not last else file.write(b"after")
        file.writelines(map(base64.b64decode, found["end"]))
    with zipfile.ZipFile(tmp_path / "large.zip") as read:
        assert len(read.infolist()) == 70_003
        assert read.read("after.txt") == b"after"
        assert read.getinfo("after.txt").header_offset > 2**33 - 9

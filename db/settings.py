"""Where Winnow keeps its data, and the few numbers a team may change: one frozen value, read from `WINNOW_...` variables."""

import logging
import os
from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Literal

from pydantic import ByteSize, Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict
from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError
from upath import UPath

from db.errors import WinnowError
from db.files import root

PREFIX = "WINNOW_"
OTHER_NAMES = ("WINNOW_REAL_DATA",)  # no settings, but read by the tests
SECRET = ("db_url", "store_url", "runs_url")  # settings whose value may hold a password

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Limits:
    """Limits for one upload, against files that need too much memory or disk; the defaults of the settings `max_...`."""

    file_bytes: int = 64 * 2**20  # of one photo or mask; the largest phone photos (48 megapixels) are 15 to 25 MB as JPEG
    pixels: int = 80_000_000  # of one picture, width x height; 240 MB decoded
    zip_members: int = 200_000  # files in a zip
    zip_bytes: int = 20 * 2**30  # size of a zip unpacked, all members together
    zip_ratio: int = 200  # unpacked / packed size of a member; not checked up to `zip_small`, since flat masks shrink a lot
    zip_small: int = 2**20  # bytes unpacked


class Settings(BaseSettings):
    """Every setting; each field is the environment variable `WINNOW_<FIELD>` (see docs/settings.md)."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True)

    home: Path = Field(default=Path("winnow-home"), description="Folder of the database, the pictures, the runs and the logs.")
    db_url: str = Field(default="", description="SQLAlchemy URL of the database; empty: SQLite in the home folder.")
    store_url: str = Field(
        default="", description="Folder or fsspec URL (s3://...) of the pictures; empty: in the home folder."
    )
    runs_url: str = Field(default="", description="Folder or fsspec URL of checkpoints and exports; empty: in the home folder.")
    cluster: str = Field(
        default="",
        description="Address of a Dask scheduler (tcp://...) whose workers ingest and train; empty: this machine.",
    )
    touchup_seconds: int = Field(
        default=120, gt=0, description="Time for one touch-up, in seconds; 120 in the paper's section IV."
    )
    encoder_weights: Path | None = Field(
        default=None, description="File with the encoder's ImageNet weights; unset: Keras downloads them."
    )
    memory_mb: int = Field(
        default=4096,
        gt=0,
        description="Memory for a training's decoded pictures, in MiB; beyond it, a memory-mapped temporary file is used.",
    )
    max_file_bytes: ByteSize = Field(
        default=ByteSize(Limits.file_bytes), gt=0, description="Maximum size of one photo or mask, in bytes or as 64MiB."
    )
    max_pixels: int = Field(
        default=Limits.pixels,
        gt=0,
        le=178_956_970,  # Pillow itself refuses larger pictures
        description="Maximum width times height of one picture, checked in its header before it is decoded.",
    )
    max_upload_bytes: ByteSize = Field(
        default=ByteSize(4 * 2**30), gt=0, description="Maximum size of a zip uploaded on the Ingest page, in bytes or as 4GiB."
    )
    ingest_folders: str = Field(
        default="",
        description="Folders and URLs below which a lead may name a source on the Ingest page, separated by commas.",
    )
    max_zip_files: int = Field(default=Limits.zip_members, gt=0, description="Maximum number of files in a zip.")
    max_zip_bytes: ByteSize = Field(
        default=ByteSize(Limits.zip_bytes), gt=0, description="Maximum unpacked size of a zip, in bytes or as 20GiB."
    )
    max_zip_ratio: int = Field(
        default=Limits.zip_ratio,
        gt=0,
        description="Maximum ratio of unpacked to packed size in a zip; files up to 1 MiB are exempt.",
    )
    reviewer: str = Field(
        default="reviewer", min_length=1, max_length=80, description="Name of the reviewer if a browser or command gives none."
    )
    leads: str = Field(
        default="", description="Names of the leads, who settle disagreements, separated by commas; empty: everybody is one."
    )
    second_opinions: float = Field(
        default=0.1, ge=0, le=1, description="Share of the examples that get a blind second opinion, 0 to 1."
    )
    gold_share: float = Field(default=0.05, ge=0, le=1, description="Share of control examples among a deck's cards, 0 to 1.")

    hosts: str = Field(
        default="", description="Host names besides localhost under which a proxy serves the app, separated by commas."
    )
    user_header: str = Field(
        default="", description="Header in which that proxy names the signed-in person; empty: the browser keeps a name."
    )

    open: Literal["", "yes"] = Field(
        default="", description="yes: the app may listen on other addresses than localhost though nobody signs in."
    )

    @field_validator("hosts")
    @classmethod
    def _are_names(cls, hosts: str) -> str:
        if "*" in _listed(hosts):
            raise ValueError("name the hosts; * would let any website ask for people's faces")
        return hosts

    @field_validator("db_url")
    @classmethod
    def _is_a_database(cls, url: str) -> str:
        try:
            if url:
                make_url(url).get_dialect()
        except ArgumentError:
            raise ValueError("it is no database URL that SQLAlchemy knows, such as postgresql://user@host/winnow") from None
        return url

    @field_validator("store_url", "runs_url")
    @classmethod
    def _can_be_opened(cls, url: str) -> str:
        try:
            if url:
                root(url)
        except ImportError as error:
            raise ValueError(str(error)) from None
        return url

    @field_validator("ingest_folders")
    @classmethod
    def _are_folders(cls, folders: str) -> str:
        for each in _listed(folders):
            scheme, is_url, rest = each.partition("://")
            if is_url and (scheme.lower() in ("file", "local") or "@" in rest or not rest.strip("/")):
                raise ValueError(f"{scheme}://... must name a host or a bucket, without a password; write folders as paths")
            if not is_url and (not Path(each).is_absolute() or Path(each) == Path("/")):
                raise ValueError("give whole paths of folders, such as /data/incoming, and not the whole disk")
        return folders

    @property
    def ingest_places(self) -> list[str]:
        """The folders and URLs in `ingest_folders`."""
        return _listed(self.ingest_folders)

    @property
    def lead_names(self) -> frozenset[str]:
        """The names in `leads`."""
        return frozenset(_listed(self.leads))

    @property
    def host_names(self) -> list[str]:
        """The names in `hosts`."""
        return _listed(self.hosts)

    @property
    def limits(self) -> Limits:
        """The settings `max_...` as one value, for the code that reads uploads."""
        return Limits(
            file_bytes=int(self.max_file_bytes),
            pixels=self.max_pixels,
            zip_members=self.max_zip_files,
            zip_bytes=int(self.max_zip_bytes),
            zip_ratio=self.max_zip_ratio,
        )

    @property
    def database(self) -> str:
        """SQLAlchemy URL of the database."""
        local = URL.create("sqlite", database=str(self.home.resolve() / "winnow.db"))  # the path may hold ? and %
        return self.db_url or local.render_as_string()

    @property
    def store(self) -> str:
        """Folder or fsspec URL of the blob store."""
        return self.store_url or str(self.home.resolve() / "store")

    @property
    def runs(self) -> UPath:
        """Folder of checkpoints and exports, with one folder per run."""
        return root(self.runs_url or str(self.home.resolve() / "runs"))

    def exported(self, file: str) -> UPath:
        """The path of an export, from the `file` of its row (`runs/<run>/exports/...`, even if the runs are elsewhere)."""
        return self.runs / file.removeprefix("runs/")

    @property
    def tensorboard(self) -> Path:
        """Folder of TensorBoard logs, with one folder per run."""
        return self.home.resolve() / "tensorboard"

    @property
    def logs(self) -> Path:
        """Folder of the output of jobs, with one file per job."""
        return self.home.resolve() / "logs"

    @property
    def compiled(self) -> Path:
        """Folder of what numba has compiled for Refine, which takes ten seconds."""
        return self.home.resolve() / "numba"

    @property
    def temporary(self) -> Path:
        """Folder of what is unpacked while it is ingested (db/workspaces.py)."""
        return self.home.resolve() / "tmp"

    @property
    def downloads(self) -> Path:
        """Folder of exported sets as zips, until they are an hour old (curator/sets/packing.py)."""
        return self.home.resolve() / "downloads"

    @property
    def uploads(self) -> Path:
        """Folder of zips uploaded on the page, until their ingest is done."""
        return self.home.resolve() / "uploads"


def _listed(names: str) -> list[str]:
    return [name for each in names.split(",") if (name := " ".join(each.split()))]


def read_settings() -> Settings:
    """The settings of this process's environment.

    Raises WinnowError that names every variable with a value that is not allowed. The log warns of each `WINNOW_...` variable
    that is no setting.
    """
    for warning in unknown_settings(os.environ):
        _log.warning(warning)
    try:
        return Settings()
    except ValidationError as error:
        faults = []
        for one in error.errors(include_url=False, include_context=False):
            field = str(one["loc"][0])
            given = "" if field in SECRET else f"={one['input']}"
            faults.append(f"{PREFIX}{field.upper()}{given} is not allowed: {one['msg'].removeprefix('Value error, ')}.")
        raise WinnowError(" ".join([*faults, "docs/settings.md says what is."])) from None


def unknown_settings(names: Iterable[str]) -> list[str]:
    """A sentence for each environment variable whose name begins like a setting's and is none, with the nearest right name.

    >>> unknown_settings(["WINNOW_HOEM", "WINNOW_HOME", "winnow_home", "HOME"])
    ['WINNOW_HOEM is no setting of Winnow and changes nothing. Did you mean WINNOW_HOME?']
    """
    known = [f"{PREFIX}{field.upper()}" for field in Settings.model_fields]
    found = []
    for name in sorted(names):
        if name.upper().startswith(PREFIX) and name.upper() not in (*known, *OTHER_NAMES):
            (nearest,) = get_close_matches(name.upper(), known, n=1) or [""]
            hint = f"Did you mean {nearest}?" if nearest else "docs/settings.md lists all settings."
            found.append(f"{name} is no setting of Winnow and changes nothing. {hint}")
    return found

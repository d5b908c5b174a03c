"""Where Winnow keeps things, and the few numbers a team may change: one frozen value, read from `WINNOW_...`."""

from dataclasses import dataclass
from pathlib import Path

from pydantic import ByteSize, Field
from pydantic_settings import BaseSettings, SettingsConfigDict
from upath import UPath

from db.files import root


@dataclass(frozen=True)
class Limits:
    """What one upload may cost us, at most. The settings `max_...` begin with these numbers."""

    file_bytes: int = 64 * 2**20  # the largest phone photos (48 megapixels) are 15 to 25 MB as JPEG
    pixels: int = 80_000_000  # 240 MB decoded
    zip_members: int = 200_000
    zip_bytes: int = 20 * 2**30  # unpacked, all members together
    zip_ratio: int = 200  # photos hardly shrink, flat masks do: held against members above `zip_small` only
    zip_small: int = 2**20


class Settings(BaseSettings):
    """Every setting; each field is the environment variable `WINNOW_<FIELD>` (see docs/settings.md)."""

    model_config = SettingsConfigDict(env_prefix="WINNOW_", frozen=True)

    home: Path = Field(default=Path("winnow-home"), description="Folder of the database, the store and the runs.")
    db_url: str = Field(default="", description="SQLAlchemy URL of the database; empty: SQLite inside the home folder.")
    store_url: str = Field(
        default="", description="Folder or fsspec URL (s3://...) of the pictures; empty: in the home folder."
    )
    runs_url: str = Field(default="", description="Folder or fsspec URL of checkpoints and exports; empty: in the home folder.")
    cluster: str = Field(
        default="", description="Address of a Dask scheduler (tcp://...) whose workers ingest and train; empty: this machine."
    )
    touchup_seconds: int = Field(
        default=120, gt=0, description="Time for one touch-up, in seconds; 120 in the paper's section IV."
    )
    encoder_weights: Path | None = Field(
        default=None, description="File with MobileNet's ImageNet weights; unset: Keras' own download."
    )
    memory_mb: int = Field(
        default=4096,
        gt=0,
        description="Memory for a training's decoded pictures, in MiB; a subset that needs more lies in a nameless file.",
    )
    max_file_bytes: ByteSize = Field(
        default=ByteSize(Limits.file_bytes), gt=0, description="Size of one photo or mask at most, in bytes or as 64MiB."
    )
    max_pixels: int = Field(
        default=Limits.pixels,
        gt=0,
        le=178_956_970,  # Pillow refuses what is larger by itself
        description="Width times height of one picture at most, by its header, before it is decoded.",
    )
    max_zip_files: int = Field(default=Limits.zip_members, gt=0, description="Files in a zip at most.")
    max_zip_bytes: ByteSize = Field(
        default=ByteSize(Limits.zip_bytes), gt=0, description="Size of a zip unpacked at most, in bytes or as 20GiB."
    )
    max_zip_ratio: int = Field(
        default=Limits.zip_ratio, gt=0, description="How much larger than packed a file of a zip may be, from 1 MiB on."
    )
    reviewer: str = Field(
        default="reviewer", min_length=1, max_length=80, description="Name a verdict is recorded under when none is given."
    )
    leads: str = Field(
        default="", description="Names of those who settle disagreements, commas between them; empty: everybody may."
    )
    second_opinions: float = Field(
        default=0.1, ge=0, le=1, description="Share of the examples that get a blind second opinion, 0 to 1."
    )
    gold_share: float = Field(
        default=0.05, ge=0, le=1, description="Share of a deck's cards whose answer is known to a lead, 0 to 1."
    )

    hosts: str = Field(
        default="", description="Host names besides localhost that a proxy serves the app under, commas between them."
    )
    user_header: str = Field(
        default="", description="Header in which that proxy names who is signed in; empty: the name that the browser keeps."
    )

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
        """The settings `max_...` as one value, for all that reads what strangers send."""
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
        return self.db_url or f"sqlite:///{self.home.resolve() / 'winnow.db'}"

    @property
    def store(self) -> str:
        """Folder or fsspec URL of the blob store."""
        return self.store_url or str(self.home.resolve() / "store")

    @property
    def runs(self) -> UPath:
        """Folder of checkpoints and exports, one folder a run."""
        return root(self.runs_url or str(self.home.resolve() / "runs"))

    def exported(self, file: str) -> UPath:
        """Where an export lies whose row names it `runs/<run>/exports/...`, as it does in a home that has its runs inside."""
        return self.runs / file.removeprefix("runs/")

    @property
    def tensorboard(self) -> Path:
        """Folder of what TensorBoard draws, one folder a run."""
        return self.home.resolve() / "tensorboard"

    @property
    def logs(self) -> Path:
        """Folder of what jobs print, one file a job."""
        return self.home.resolve() / "logs"

    @property
    def uploads(self) -> Path:
        """Folder of zips on their way in from the page."""
        return self.home.resolve() / "uploads"


def _listed(names: str) -> list[str]:
    return [name for each in names.split(",") if (name := " ".join(each.split()))]

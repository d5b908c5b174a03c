"""The model card: what is known about a run, and what is not."""

import dataclasses
import re
from datetime import UTC, datetime, timedelta

from curator.consent import TermsCounts
from curator.runs.figures import Table
from curator.runs.model_card import model_card, table_markdown
from curator.runs.provenance import Masks, Provenance
from curator.runs.results import VALUE_COLUMNS, ReportRow
from db.tables import Split

NOW = datetime(2026, 3, 4, tzinfo=UTC)
MASKS = {"train": Masks(contributor=70), "test": Masks(touch_up=15, seconds=1500.0, median_seconds=98.0)}
ORIGIN = Provenance(
    run=3, model="hairmattenet", encoder="imagenet", parameters=3_855_042, settings={"decoder_depth": 64, "consistency": 0.5},
    created_at=NOW, epochs=50, best_epoch=47, set=2, set_hash="ab" * 32, frozen_at=NOW,
    splits={"train": 70, "validation": 15, "test": 15}, sources={"selfies.zip": 97},
    terms=TermsCounts(licences={"CC-BY-4.0": 90, "not recorded": 7}, consent={}, ends={}, no_consent=97),
    contributors=31, anonymous=12, drawn=0, masks=MASKS, erased=3,
)  # fmt: skip


def seen(example: int, split: Split = Split.test) -> ReportRow:
    values = dict.fromkeys(VALUE_COLUMNS) | {"f1": 0.8}
    return ReportRow(example, "ada.jpg", "selfies.zip", split, "none", "image", "mask", "matte", values)


def test_a_card_has_data_consent_training_measures_limits_and_what_it_is_for() -> None:
    made = model_card(ORIGIN, [seen(n) for n in range(1, 6)], {"Hair share": Table(["Slice", "F1"], [["< 10 %", "0.8"]])}, NOW)
    headings = re.findall("^## (.*)$", made, re.MULTILINE)
    assert headings == ["Intended use", "Data", "Consent", "Training", "Measures", "Limits"]
    assert "`" + "ab" * 32 + "`" in made
    assert "| CC-BY-4.0 | 90 |" in made
    assert "| test | none | 5 | 0.800" in made
    assert "### Hair share" in made
    assert "3 were erased" in made
    assert "epoch 47, the best on validation" in made
    assert "decoder depth | 64" in made


def test_a_card_states_what_is_not_known_about_consent() -> None:
    consent = model_card(ORIGIN, [], {}, NOW).partition("## Consent")[2].partition("##")[0]
    assert "31 contributors named by the sources" in consent
    assert "12 examples name no contributor" in consent
    assert "the licence of 7 examples" in consent
    assert "Not known to Winnow: whether the people in the photos agreed" in consent


def test_a_card_counts_consent_and_says_when_the_first_ends() -> None:
    terms = TermsCounts(
        {"CC0": 97}, {"form 7": 50, "a|b": 7}, {NOW.date() - timedelta(days=1): 3, NOW.date(): 4}, no_consent=40
    )
    consent = model_card(dataclasses.replace(ORIGIN, terms=terms), [], {}, NOW).partition("## Consent")[2].partition("\n## ")[0]
    assert "the consent to use 57 examples (below)" in consent
    assert "The first consent ends on 2026-03-03. Until 2026-03-04, it has ended for 3." in consent
    assert "Not recorded: the consent to use 40 examples." in consent
    assert "| form 7 | 50 |" in consent
    assert r"| a\|b | 7 |" in consent


def test_limits_follow_from_the_data() -> None:
    few = model_card(ORIGIN, [seen(1, Split.validation)], {}, NOW)
    assert "no test examples" in few
    assert "on 1 images at most" in few
    many = model_card(ORIGIN, [seen(n) for n in range(120)], {}, NOW)
    assert "no test examples" not in many
    assert "images at most" not in many
    assert "nobody touched up" not in many
    coarse = dataclasses.replace(ORIGIN, masks={"test": Masks(contributor=1, touch_up=14)})
    assert "nobody touched up" in model_card(coarse, [], {}, NOW)


def test_a_card_says_by_whom_the_masks_were_made_and_in_what_time() -> None:
    data = model_card(ORIGIN, [], {}, NOW).partition("## Data")[2].partition("##")[0]
    assert "Masks of the train split: 70 as their contributors painted them." in data
    assert "Masks of the test split: 15 touched up by hand in 25 min (98 s at the median)." in data


def test_a_run_without_a_report_has_a_card_that_says_so() -> None:
    assert "has not been measured yet" in model_card(ORIGIN, [], {}, NOW)


def test_a_start_from_scratch_is_loud() -> None:
    assert "**This run started from scratch" in model_card(dataclasses.replace(ORIGIN, encoder="scratch"), [], {}, NOW)
    assert "scratch" not in model_card(ORIGIN, [], {}, NOW)


def test_text_from_others_is_escaped() -> None:
    made = table_markdown(Table(["Licence"], [["a|b\n# [x](http://y) <script>`*_"]]))
    assert made.splitlines() == ["| Licence |", "| --- |", r"| a\|b \# \[x\](http://y) \<script\>\`\*\_ |"]

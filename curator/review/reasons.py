"""Why an example is rejected: what each reason is called, and the key that gives it."""

from db.tables import Reason

LABELS: dict[Reason, str] = {
    Reason.no_face: "No face",
    Reason.not_hair: "Not hair",
    Reason.hair_missing: "Hair missing",
    Reason.spills_over: "Spills over",
    Reason.too_coarse: "Too coarse",
    Reason.bad_photo: "Bad photo",
    Reason.unsaid: "No reason given",
}
KEYS: dict[Reason, str] = {
    Reason.no_face: "1",
    Reason.not_hair: "2",
    Reason.hair_missing: "3",
    Reason.spills_over: "4",
    Reason.too_coarse: "5",
    Reason.bad_photo: "6",
}  # none for `unsaid`: that is a rejection without a reason

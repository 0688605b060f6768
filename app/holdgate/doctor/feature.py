"""What the doctor adds to the whole."""

from holdgate.feature import Feature, NavigationItem

FEATURE = Feature(
    pages=("holdgate.doctor.views",),
    api=("holdgate.doctor.api",),
    navigation=(
        NavigationItem(
            key="health",
            label="System health",
            href="/admin/health",
            group="account",
            rank=40,
            words="doctor checks system",
            only="admin",
        ),
    ),
    mails={"doctor_found": "holdgate.doctor.mails:DoctorLetter"},
    upkeep="holdgate.doctor.upkeep:UPKEEP",
)

"""What accounts add to the whole."""

from holdgate.feature import Feature, NavigationItem

FEATURE = Feature(
    pages=(
        "holdgate.accounts.pages.sign_in",
        "holdgate.accounts.pages.settings",
        "holdgate.accounts.pages.tokens",
        "holdgate.accounts.pages.people",
        "holdgate.accounts.pages.absences",
        "holdgate.accounts.pages.working_time",
    ),
    api=(
        "holdgate.accounts.api.people",
        "holdgate.accounts.api.account",
        "holdgate.accounts.api.programs",
        "holdgate.accounts.api.resume",
        "holdgate.accounts.api.absences",
        "holdgate.accounts.api.working_time",
    ),
    navigation=(
        NavigationItem(
            key="settings",
            label="Settings",
            href="/settings",
            group="account",
            rank=10,
            keys="g ,",
            words="profile sessions time zone",
        ),
        NavigationItem(
            key="users",
            label="Users",
            href="/admin/users",
            group="account",
            rank=20,
            words="users roles access",
            only="admin",
        ),
    ),
    mails={
        "sign_in": "holdgate.accounts.mails:SignInLetter",
        "invitation": "holdgate.accounts.mails:InvitationLetter",
        "token_created": "holdgate.accounts.mails:TokenCreatedLetter",
    },
    upkeep="holdgate.accounts.upkeep:UPKEEP",
)

"""Packages of the extras: what is said when one of them is missing."""


def missing_extra(missing: ModuleNotFoundError, extra: str) -> ImportError:
    """A package that is not here, told with what to do about it; a module of ours that is not here is a mistake."""
    if str(missing.name).startswith("holdgate"):
        return missing
    told = f"This needs the package {missing.name}. Install Holdgate with its extra: holdgate[{extra}]."
    return ImportError(told, name=missing.name)

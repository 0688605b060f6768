"""`python -m manual` (make reference) writes every generated file; tests/docs hold them equal to what is made here."""

from manual.files import ROOT, made

if __name__ == "__main__":
    for path, make in made().items():
        text = make()
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists() or path.read_text() != text:
            path.write_text(text)
            print(path.relative_to(ROOT))

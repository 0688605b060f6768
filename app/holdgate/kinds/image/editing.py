"""Changes one picture; pure, and run in a process of the pool. The only module that knows Pillow.

Pictures come from anywhere. So the decoders are the few named here, the size is judged from the header before
anything is unpacked, and what is left over of a bomb meets the time limit of the pool.
"""

import warnings
from io import BytesIO

from PIL import Image, ImageOps

from holdgate.kinds.image.edits import MOST_PIXELS, Crop, Edit, Format, Picture, RefusedPicture, Resize

READ = ("JPEG", "PNG", "WEBP", "GIF")
FLAT = "#ffffff"  # behind what is transparent, in a format that knows no transparency


def edit_picture(source: bytes, edit: Edit) -> Picture:
    """Raises RefusedPicture."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        Image.MAX_IMAGE_PIXELS = MOST_PIXELS
        try:
            return _edit(source, edit)
        except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
            raise RefusedPicture(f"The picture has more than {MOST_PIXELS:,} pixels.") from error
        except TimeoutError:
            raise  # the pool's limit, and an OSError as well
        except (OSError, SyntaxError, ValueError, EOFError) as error:
            raise RefusedPicture(f"This is no picture that can be read: {_line(error)}") from error


def _edit(source: bytes, edit: Edit) -> Picture:
    opened = Image.open(BytesIO(source), formats=READ)
    kind = edit.format or _format(opened.format)
    profile = opened.info.get("icc_profile")
    picture: Image.Image = ImageOps.exif_transpose(opened)
    exif = picture.getexif()  # without the orientation, which is applied
    if edit.crop is not None:
        picture = _cropped(picture, edit.crop)
    picture = _colours(picture, kind)
    if edit.resize is not None:
        picture = _resized(picture, edit.resize)
    # What a program wrote beside the pixels goes, above all the place where a photo was taken.
    picture.info = {}
    options: dict[str, object] = {"optimize": True} if kind == "png" else {"quality": edit.quality}
    if profile and picture.mode in ("RGB", "RGBA"):
        options["icc_profile"] = profile  # no metadata: without it the colours would be others
    if edit.keep_metadata and exif:
        options["exif"] = exif
    out = BytesIO()
    picture.save(out, kind, **options)
    return Picture(out.getvalue(), kind, picture.width, picture.height)


def _format(found: str | None) -> Format:
    match found:
        case "JPEG":
            return "jpeg"
        case "WEBP":
            return "webp"
        case _:
            return "png"


def _cropped(picture: Image.Image, crop: Crop) -> Image.Image:
    right, bottom = crop.left + crop.width, crop.top + crop.height
    if right > picture.width or bottom > picture.height:
        raise RefusedPicture(f"The crop reaches beyond the picture, which is {picture.width} × {picture.height}.")
    return picture.crop((crop.left, crop.top, right, bottom))


def _colours(picture: Image.Image, kind: Format) -> Image.Image:
    """In a mode that can be resized well and that the format can store."""
    clear = picture.has_transparency_data
    if clear:
        picture = picture.convert("RGBA")
        if kind == "jpeg":
            behind = Image.new("RGB", picture.size, FLAT)
            behind.paste(picture, mask=picture.getchannel("A"))
            return behind
        return picture
    return picture if picture.mode in ("L", "RGB") else picture.convert("RGB")


def _resized(picture: Image.Image, wanted: Resize) -> Image.Image:
    width, height = wanted.width, wanted.height
    if width is not None and height is not None and wanted.fit != "contain":
        if not wanted.enlarge and (width > picture.width or height > picture.height):
            scale = min(picture.width / width, picture.height / height)
            width, height = max(1, round(width * scale)), max(1, round(height * scale))
        if wanted.fit == "stretch":
            return picture.resize((width, height), Image.Resampling.LANCZOS)
        return ImageOps.fit(picture, (width, height), Image.Resampling.LANCZOS)
    scale = min((width or 10**9) / picture.width, (height or 10**9) / picture.height)
    if scale >= 1 and not wanted.enlarge:
        return picture
    size = max(1, round(picture.width * scale)), max(1, round(picture.height * scale))
    if size[0] * size[1] > MOST_PIXELS:
        raise RefusedPicture(f"The result would have more than {MOST_PIXELS:,} pixels.")
    return picture.resize(size, Image.Resampling.LANCZOS)


def _line(error: Exception) -> str:
    # Pillow's text names the object in memory.
    return "its format is not known." if "BytesIO" in str(error) else f"{' '.join(str(error).split())[:150]}."

"""The graph of `rotonodes train`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rotonodes.cli.jobs.job_graph import class_names, graph_text
from rotonodes.cli.jobs.named_pictures import Body, refuse_other_size
from rotonodes.errors import UsageError
from rotonodes.io.folder import list_pictures
from rotonodes.io.shipped import weights_path

if TYPE_CHECKING:
    from rotonodes.nets.model import Model

EVALUATIONS = 5  # in every pass over the pictures


def checkpoints_of(output: str) -> str:
    """The folder that an interrupted training goes on from, with its logs: `scratches_training` beside `scratches.safetensors`."""
    return f"{os.path.splitext(output)[0]}_training"


def training(
    folder: str,
    output: str,
    *,
    images: str = "imgs",
    masks: str = "masks",
    suffix: str = "",
    classes: str | None = None,
    alpha: bool = False,
    load: str | None = None,
    epochs: float = 20,
    validation: float = 10,
    amp: bool = False,
    bilinear: bool = False,
    snapshots: bool = False,
    **given: Any,
) -> str:
    """The YAML of a graph that trains a network on pictures and the masks that bear their names.

    `images` and `masks` are folders below `folder`; the mask of `NAME.jpg` is `NAME` with `suffix` and any extension. Each value
    in the masks is a class, unless `alpha` takes them as soft mattes. `validation` is the share of the pictures, in percent,
    that are scored with, at least one. `given` are more parameters of TrainUNet. UsageError for folders and options that do not go
    together.
    """
    pictures = os.path.join(folder, images)
    if not os.path.exists(pictures):
        beside = f"in {folder} lie the folders {images} and {masks}, or others that --images and --masks name"
        raise UsageError(f"{pictures}: there is no such file or folder; {beside}")
    count = len(list_pictures([pictures]))
    if not os.path.isdir(os.path.join(folder, masks)):
        raise UsageError(f"{os.path.join(folder, masks)}: there is no such folder of masks; name it with --masks")
    if Path(output).suffix.lower() != ".safetensors":
        raise UsageError(f"-o {output}: weights are written as .safetensors: give the file that ending")
    if alpha and classes:
        raise UsageError(f"--classes {classes}: a matte has no classes: take --classes or --alpha out")
    pattern = os.path.join(folder, masks, f"*{suffix}.*")
    refuse_unpaired(pattern, pictures)
    if validation and max(round(count * validation / 100), 1) >= count:  # as TrainUNet rounds: at least one
        learned = f"of {count} picture{'' if count == 1 else 's'} that leaves none to learn from"
        raise UsageError(f"--validation {validation:g}: {learned}: give more pictures, or --validation 0")
    source: Body = {"type": "LoadMattes" if alpha else "LoadLabels", "path": pattern, "pictures": pictures}
    if not alpha:
        source |= {"values": "found"} | ({"classes": class_names(classes)} if classes else {})
    nodes: dict[str, Body] = {"pictures": {"type": "LoadPictures", "path": pictures}, "masks": {**source, "sizes": "any"}}
    linked = {"image": "pictures", "matte" if alpha else "labels": "masks"}
    if load:
        nodes["start"] = {"type": "LoadModel", "path": weights_path(load)}
        linked["model"] = "start"
    body: Body = {"type": "TrainUNet", "in": linked, "epochs": epochs, "clip_length": 1, "checkpoints": checkpoints_of(output)}
    if validation:
        body |= {"validation_share": validation / 100, "evaluations": EVALUATIONS}
        body |= {} if alpha else {"score": "mean_dice_foreground"}
    body |= {"task": "alpha"} if alpha else {}
    body |= {"precision": "bfloat16"} if amp else {}
    body |= {"upsampling": "bilinear"} if bilinear else {}
    body |= {"channels": ["Y"]} if is_grey(pictures) else {}
    body |= {"snapshots": True} if snapshots else {}
    nodes["train"] = body | {name: value for name, value in given.items() if value is not None}
    nodes["write"] = {"type": "WriteModel", "in": "train", "path": output}
    return graph_text("", nodes)


def best_line(model: Model) -> str:
    """`best: step 3 of 35, mean IoU 0.310`; nothing of a network that was not scored."""
    from rotonodes.train.settings import SCORE_NAMES

    name = model.training.get("score", "")
    score = model.metrics.get(name)
    return f"best: step {model.metrics['step']} of {model.training['steps']}, {SCORE_NAMES[name]} {score:.3f}" if score is not None else ""


def refuse_unpaired(pattern: str, pictures: str) -> None:
    """UsageError that names the pictures without a mask, or the first whose mask has another size."""
    from rotonodes.nodes.input.mask_source import MaskSource

    masks, files = MaskSource(path=pattern, pictures=pictures), list_pictures([pictures])
    pairs = [(picture, masks.mask_of(picture)) for picture in files]
    lost = [os.path.basename(picture) for picture, mask in pairs if not os.path.exists(mask)]
    if lost:
        more = f" and {len(lost) - 5} more" if len(lost) > 5 else ""
        raise UsageError(f"{pattern}: {len(lost)} of {len(files)} pictures have no mask: {', '.join(lost[:5])}{more}; is --suffix right?")
    for picture, mask in pairs:
        refuse_other_size(picture, mask)


def is_grey(pictures: str) -> bool:
    """Whether the first picture has one channel of colour."""
    import PIL.Image

    try:
        with PIL.Image.open(list_pictures([pictures])[0]) as first:
            return first.mode in ("1", "L", "LA", "I;16", "I", "F")
    except OSError:
        return False  # EXR, or damaged, which the run will say

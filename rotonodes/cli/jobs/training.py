"""The graph of `rotonodes train`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rotonodes.cli.jobs.job_graph import class_names
from rotonodes.cli.jobs.named_pictures import NodeFields, check_same_size
from rotonodes.errors import UsageError
from rotonodes.graph.writing import graph_text
from rotonodes.io.folder import list_pictures
from rotonodes.io.shipped import weights_path

if TYPE_CHECKING:
    from rotonodes.nets.model import Model

EVALUATIONS = 5  # validations per epoch


def checkpoint_folder(output: str) -> str:
    """The folder of checkpoints and logs, from which an interrupted training resumes: `x_training` beside `x.safetensors`."""
    return f"{os.path.splitext(output)[0]}_training"


def training_graph(
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
    """The YAML of a graph that trains a network on pictures and the masks that have their names.

    `images` and `masks` are folders below `folder`; the mask of `NAME.jpg` is `NAME` with `suffix` and any extension. Each value
    in the masks is a class, unless `alpha` reads them as soft mattes. `validation` is the share of validation pictures in percent
    (at least one picture). `given` are further parameters of TrainUNet. Raises UsageError for missing folders, pictures without a
    mask, and options that exclude each other.
    """
    pictures = os.path.join(folder, images)
    if not os.path.exists(pictures):
        raise UsageError(f"{pictures}: no such folder; {folder} needs folders {images} and {masks}, or name others with --images, --masks")
    count = len(list_pictures([pictures]))
    if not os.path.isdir(os.path.join(folder, masks)):
        raise UsageError(f"{os.path.join(folder, masks)}: no such folder of masks; name it with --masks")
    if Path(output).suffix.lower() != ".safetensors":
        raise UsageError(f"-o {output}: weights are written as .safetensors: use that extension")
    if alpha and classes:
        raise UsageError(f"--classes {classes}: a matte has no classes: remove --classes or --alpha")
    pattern = os.path.join(folder, masks, f"*{suffix}.*")
    check_pairs(pattern, pictures)
    if validation and max(round(count * validation / 100), 1) >= count:  # as TrainUNet rounds: at least one
        few = f"with {count} picture{'' if count == 1 else 's'} no training picture is left"
        raise UsageError(f"--validation {validation:g}: {few}: add pictures, or use --validation 0")
    source: NodeFields = {"type": "LoadMattes" if alpha else "LoadLabels", "path": pattern, "pictures": pictures}
    if not alpha:
        source |= {"values": "found"} | ({"classes": class_names(classes)} if classes else {})
    nodes: dict[str, NodeFields] = {"pictures": {"type": "LoadPictures", "path": pictures}, "masks": {**source, "sizes": "any"}}
    linked = {"image": "pictures", "matte" if alpha else "labels": "masks"}
    if load:
        nodes["start"] = {"type": "LoadModel", "path": weights_path(load)}
        linked["model"] = "start"
    train: NodeFields = {"type": "TrainUNet", "in": linked, "epochs": epochs, "clip_length": 1, "checkpoints": checkpoint_folder(output)}
    if validation:
        train |= {"validation_share": validation / 100, "evaluations": EVALUATIONS}
        train |= {} if alpha else {"score": "mean_dice_foreground"}
    train |= {"task": "alpha"} if alpha else {}
    train |= {"precision": "bfloat16"} if amp else {}
    train |= {"upsampling": "bilinear"} if bilinear else {}
    if not load and all_grey(pictures):  # such a network also takes colour pictures, by their luma
        train |= {"grey": True}
    train |= {"snapshots": True} if snapshots else {}
    nodes["train"] = train | {name: value for name, value in given.items() if value is not None}
    nodes["write"] = {"type": "WriteModel", "in": "train", "path": output}
    return graph_text("", nodes)


def best_line(model: Model) -> str:
    """`best: step 3 of 35, mean IoU 0.310`; empty for a network that was trained without validation."""
    from rotonodes.train.settings import SCORE_NAMES

    name = model.training.get("score", "")
    score = model.metrics.get(name)
    return f"best: step {model.metrics['step']} of {model.training['steps']}, {SCORE_NAMES[name]} {score:.3f}" if score is not None else ""


def check_pairs(pattern: str, pictures: str) -> None:
    """Raise UsageError that names the pictures without a mask, or the first whose mask has another size."""
    from rotonodes.nodes.input.mask_source import MaskSource

    masks, files = MaskSource(path=pattern, pictures=pictures), list_pictures([pictures])
    pairs = [(picture, masks.mask_of(picture)) for picture in files]
    lost = [os.path.basename(picture) for picture, mask in pairs if not os.path.exists(mask)]
    if lost:
        more = f" and {len(lost) - 5} more" if len(lost) > 5 else ""
        raise UsageError(f"{pattern}: {len(lost)} of {len(files)} pictures have no mask: {', '.join(lost[:5])}{more}; is --suffix right?")
    for picture, mask in pairs:
        check_same_size(picture, mask)


def all_grey(pictures: str) -> bool:
    """Whether every picture is grey. Among colour pictures, grey ones are read as RGB."""
    import PIL.Image

    for file in list_pictures([pictures]):
        try:
            with PIL.Image.open(file) as picture:
                if picture.mode not in ("1", "L", "LA", "I;16", "I", "F"):
                    return False
        except OSError:
            return False  # EXR, or damaged, which the run reports
    return True

"""Rotonodes for Cinema 4D: run it by Extensions > Script Manager (R20 to R26, 2023 and later).

The first run sets the multipass output of the active render settings to names that rotonodes knows. Render to the Picture Viewer or on a
farm; then run it again: it calls `rotonodes flatten` on what was written. ROTONODES_PYTHON names the Python that has rotonodes.

It has never run inside Cinema 4D: its settings are the names of the public SDK, tested with a stand-in for the module `c4d`.
"""

# R20 to R22 have Python 2.7: no f-strings, no annotations
from __future__ import print_function

import os
import re
import subprocess
import sys

# constant of the SDK -> the word that Cinema 4D writes into the file's name, and rotonodes reads
PASSES = (
    ("VPBUFFER_RGBA", "rgba"),
    ("VPBUFFER_DIFFUSE", "diffuse"),
    ("VPBUFFER_SPECULAR", "specular"),
    ("VPBUFFER_SHADOW", "shadow"),
    ("VPBUFFER_ILLUMINATION", "illum"),
    ("VPBUFFER_MAT_COLOR", "matcolor"),
    ("VPBUFFER_DEPTH", "depth"),
)
SUFFIX = "_roto"  # behind names that end in a digit, where Cinema 4D would put a _ before the frame


def set_up(c4d, data):
    """Set the multipass output of render settings; returns the constants of the passes that were added."""
    data[c4d.RDATA_MULTIPASS_ENABLE] = True
    data[c4d.RDATA_MULTIPASS_SAVEIMAGE] = True
    data[c4d.RDATA_MULTIPASS_SAVEONEFILE] = False  # one picture a pass
    data[c4d.RDATA_MULTIPASS_SUFFIX] = True  # name_pass0001, not pass_name0001
    data[c4d.RDATA_MULTIPASS_USERNAMES] = False  # Cinema 4D's own words, whatever the language
    data[c4d.RDATA_MULTIPASS_SAVEFORMAT] = c4d.FILTER_PNG
    data[c4d.RDATA_MULTIPASS_SAVEDEPTH] = c4d.RDATA_FORMATDEPTH_16
    data[c4d.RDATA_NAMEFORMAT] = c4d.RDATA_NAMEFORMAT_6  # name0000.png
    there = set()
    one = data.GetFirstMultipass()
    while one:
        there.add(one[c4d.MULTIPASSOBJECT_TYPE])
        one = one.GetNext()
    added = []
    for constant, _ in PASSES:
        if getattr(c4d, constant) not in there:
            made = c4d.BaseList2D(c4d.Zmultipass)
            made.GetDataInstance()[c4d.MULTIPASSOBJECT_TYPE] = getattr(c4d, constant)
            data.InsertMultipass(made)
            added.append(constant)
    return added


def output_name(document):
    """The name of the files, without folder and frame: that of the document, not ending in a digit."""
    stem = os.path.splitext(document)[0] or "untitled"
    return stem + SUFFIX if stem[-1:].isdigit() else stem


def arguments(folder, name, out):
    """The arguments of rotonodes for the files of a render: their picture, beside which the other passes lie."""
    return ["flatten", os.path.join(folder, name) + "_rgba####.png", "-o", out]


def rendered(folder, name):
    """The frames of a render that are there, from the files of its picture."""
    pattern = re.compile(re.escape(name) + r"_rgba(\d+)\.png$")
    found = [pattern.match(file) for file in (os.listdir(folder) if os.path.isdir(folder) else ())]
    return sorted(int(match.group(1)) for match in found if match)


def run(python, words):
    """Call rotonodes; returns (exit code, its last line)."""
    process = subprocess.Popen([python, "-m", "rotonodes"] + words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    said, _ = process.communicate()
    lines = said.decode("utf-8", "replace").strip().splitlines()
    return process.returncode, lines[-1] if lines else ""


def tell(c4d, text):
    print("rotonodes: " + text)
    c4d.gui.MessageDialog(text)


def main():
    import c4d

    document = c4d.documents.GetActiveDocument()
    folder, data = document.GetDocumentPath(), document.GetActiveRenderData()
    if not folder:
        return tell(c4d, "the document was never saved: save it first")
    name, renders = output_name(document.GetDocumentName()), os.path.join(folder, "rotonodes", "render")
    document.StartUndo()
    document.AddUndo(c4d.UNDOTYPE_CHANGE, data)
    added = set_up(c4d, data)
    data[c4d.RDATA_MULTIPASS_FILENAME] = os.path.join(renders, name)
    document.EndUndo()
    c4d.EventAdd()
    if added or not rendered(renders, name):
        return tell(c4d, "the render settings are prepared: render, then run this script again")
    python = os.environ.get("ROTONODES_PYTHON")
    if not python:
        return tell(c4d, "ROTONODES_PYTHON names no Python: set it to the one that has rotonodes")
    try:
        code, line = run(python, arguments(renders, name, os.path.join(folder, "rotonodes")))
    except OSError as error:
        return tell(c4d, "{}: {}".format(python, error.strerror))
    return tell(c4d, line or "rotonodes ended with code {}".format(code))


if __name__ == "__main__":
    sys.exit(main())

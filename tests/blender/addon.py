"""Drive the add-on in a Blender without a screen: python addon.py ZIP SCRIPT.py [ARGUMENT...]

Installs the zip through Blender's own operators, enables it, and runs SCRIPT with `bpy`, `module` (the add-on) and `arguments`; then
disables and uninstalls it. BLENDER_USER_RESOURCES names a folder for the settings of this Blender.
"""

import importlib
import os
import runpy
import sys

import bpy

NAME = "bl_ext.user_default.rotonodes"


def main() -> None:
    assert os.environ["BLENDER_USER_RESOURCES"], "not into the settings of the user"
    archive, script, *arguments = sys.argv[1:]
    bpy.ops.wm.read_factory_settings(use_empty=True)
    bpy.ops.extensions.package_install_files(filepath=archive, repo="user_default", enable_on_install=True)
    assert NAME in bpy.context.preferences.addons, "not enabled"
    module = importlib.import_module(NAME)
    try:
        runpy.run_path(script, {"bpy": bpy, "module": module, "arguments": arguments})
    finally:
        bpy.ops.preferences.addon_disable(module=NAME)
        assert not hasattr(bpy.types.Scene, "rotonodes") and not any("rotonodes" in str(f) for f in bpy.app.handlers.render_complete)
        repo = next(i for i, one in enumerate(bpy.context.preferences.extensions.repos) if one.module == "user_default")
        bpy.ops.extensions.package_uninstall(repo_index=repo, pkg_id="rotonodes")
        left = bpy.utils.user_resource("EXTENSIONS", path=os.path.join("user_default", "rotonodes"))
        assert not os.path.exists(left), f"{left} is left"


if __name__ == "__main__":
    main()

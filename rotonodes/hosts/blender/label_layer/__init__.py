# SPDX-License-Identifier: GPL-3.0-or-later
"""The truth of the tones from the scene itself: white shapes under one hard light in the key's direction, in the same render."""

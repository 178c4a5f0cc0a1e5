"""Render the scene with Cycles: the photo and, from the same samples, the coverage of each object."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import bpy

GPUS = ("OPTIX", "CUDA", "HIP", "ONEAPI", "METAL")
JPEG_QUALITY = 92
RANKS = 8
"""Largest number of objects per pixel."""


def reset() -> None:
    """Empty Blender."""
    bpy.ops.wm.read_factory_settings(use_empty=True)


def render(photo: Path, coverage: Path, size_wh: tuple[int, int], samples: int, threads: int = 0) -> None:
    """Render the scene once and write it twice.

    Args:
        photo: path of the JPEG file.
        coverage: path of the multilayer EXR with the object Cryptomatte.
        threads: 0 uses all cores.
    """
    scene = bpy.context.scene
    settings = scene.render
    settings.engine = "CYCLES"
    settings.resolution_x, settings.resolution_y = size_wh
    settings.resolution_percentage = 100
    for stamp in (name for name in dir(settings) if name.startswith("use_stamp_")):
        setattr(settings, stamp, False)  # no dates and times in the files
    if threads:
        settings.threads_mode, settings.threads = "FIXED", threads
    cycles = scene.cycles
    cycles.device = "GPU" if _use_gpu() else "CPU"
    cycles.samples = samples
    cycles.use_adaptive_sampling, cycles.adaptive_threshold = True, 0.02
    cycles.use_denoising, cycles.denoiser = True, "OPENIMAGEDENOISE"
    cycles.denoising_prefilter = "FAST"
    cycles.use_light_tree = False
    cycles.max_bounces, cycles.diffuse_bounces, cycles.glossy_bounces = 16, 2, 3
    cycles.transmission_bounces, cycles.transparent_max_bounces = 16, 8
    cycles.caustics_reflective = cycles.caustics_refractive = False
    cycles.sample_clamp_indirect = 5.0
    layer = scene.view_layers[0]
    layer.use_pass_cryptomatte_object = True
    layer.pass_cryptomatte_depth = RANKS
    bpy.ops.render.render()
    result = bpy.data.images["Render Result"]
    written = settings.image_settings
    written.file_format, written.quality = "JPEG", JPEG_QUALITY
    result.save_render(str(photo), scene=scene)
    written.media_type = "MULTI_LAYER_IMAGE"
    written.file_format, written.color_depth, written.exr_codec = "OPEN_EXR_MULTILAYER", "32", "ZIP"
    result.save_render(str(coverage), scene=scene)


def _use_gpu() -> bool:
    """Enable all devices of the first available kind of GPU."""
    preferences = bpy.context.preferences.addons["cycles"].preferences
    for kind in GPUS:
        with suppress(TypeError):  # this build does not support the kind
            preferences.compute_device_type = kind
            preferences.refresh_devices()
            devices = [d for d in preferences.devices if d.type == kind]
            for device in devices:
                device.use = True
            if devices:
                return True
    return False


@contextmanager
def silence() -> Iterator[None]:
    """Discard the output of Blender's C code."""
    sys.stdout.flush()
    sys.stderr.flush()
    kept = [os.dup(1), os.dup(2)]
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 1)
        os.dup2(nowhere, 2)
        yield
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        for number, copy in zip((1, 2), kept, strict=True):
            os.dup2(copy, number)
            os.close(copy)
        os.close(nowhere)

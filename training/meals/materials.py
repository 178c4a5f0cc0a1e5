"""Materials from a few parameters: colours and their variation, gloss, translucency and relief.

Colours are sRGB triples in 0..255, as read from a photo.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import bpy
import numpy as np

from training.meals.geometry import PAINT, SHADE, Array

Colour = tuple[float, float, float]
WHITE: Colour = (255.0, 255.0, 255.0)


@dataclass(frozen=True)
class Look:
    """The look of a surface.

    Attributes:
        colours: sRGB triples in 0..255; patches of them alternate, in this order from dark noise to light.
        patch: size of a patch in cm.
        contrast: 0 blends the colours softly, 1 gives hard patches.
        by_piece: weight of the copy's `shade` against the noise in the choice of a colour, 0 to 1.
        roughness: 0 mirror, 1 chalk.
        coat: strength of a wet or greasy film, 0 to 1.
        subsurface: share of light scattered under the surface, 0 to 1; soft foods have 0.1 to 0.5.
        depth: distance that this light travels, in cm.
        transmission: 1 is clear (jelly, broth, juice), 0 opaque.
        bump: height of the fine relief in cm.
        bump_size: size of one bump in cm.
    """

    colours: tuple[Colour, ...] = (WHITE,)
    patch: float = 2.0
    contrast: float = 0.2
    by_piece: float = 0.0
    roughness: float = 0.5
    coat: float = 0.0
    subsurface: float = 0.0
    depth: float = 0.3
    transmission: float = 0.0
    bump: float = 0.0
    bump_size: float = 0.2


def linear(colour: Sequence[float]) -> tuple[float, float, float, float]:
    """Convert sRGB in 0..255 to linear RGBA in 0..1."""
    r, g, b = _linear(np.asarray(colour, float))
    return (float(r), float(g), float(b), 1.0)


def jitter(rng: np.random.Generator, colour: Colour, amount: float = 8) -> Colour:
    """Vary a colour: each channel by up to `amount`, the brightness by up to twice that."""
    moved = np.asarray(colour) + rng.uniform(-amount, amount, 3) + rng.uniform(-amount, amount)
    r, g, b = np.clip(moved, 0, 255)
    return (float(r), float(g), float(b))


def material(name: str, look: Look) -> bpy.types.Material:
    """Make a Principled material whose textures follow the object's own coordinates, in cm."""
    made = bpy.data.materials.new(name)
    made.use_nodes = True
    tree = made.node_tree
    shader = tree.nodes["Principled BSDF"]
    shader.inputs["Roughness"].default_value = look.roughness
    shader.inputs["Coat Weight"].default_value = look.coat
    shader.inputs["Coat Roughness"].default_value = 0.12
    shader.inputs["Subsurface Weight"].default_value = look.subsurface
    shader.inputs["Subsurface Radius"].default_value = (1.0, 0.6, 0.4)
    shader.inputs["Subsurface Scale"].default_value = look.depth
    shader.inputs["Transmission Weight"].default_value = look.transmission
    where = tree.nodes.new("ShaderNodeTexCoord").outputs["Object"]
    if len(look.colours) > 1:
        tree.links.new(_colour(tree, look, where), shader.inputs["Base Color"])
    else:
        shader.inputs["Base Color"].default_value = linear(look.colours[0])
    if look.bump:
        tree.links.new(_relief(tree, look, where), shader.inputs["Normal"])
    return made


def give(thing: bpy.types.Object, made: bpy.types.Material) -> bpy.types.Object:
    """Make this the object's only material; returns the object."""
    thing.data.materials.clear()
    thing.data.materials.append(made)
    return thing


def painted(name: str, look: Look) -> bpy.types.Material:
    """Make a material whose colour is `paint` multiplied by the colours of the look."""
    made = material(name, look)
    tree = made.node_tree
    base = tree.nodes["Principled BSDF"].inputs["Base Color"]
    mix = tree.nodes.new("ShaderNodeMix")
    mix.data_type, mix.blend_type = "RGBA", "MULTIPLY"
    mix.inputs["Factor"].default_value = 1.0
    tree.links.new(_attribute(tree, PAINT).outputs["Color"], mix.inputs["A"])
    if base.is_linked:
        tree.links.new(base.links[0].from_socket, mix.inputs["B"])
    else:
        mix.inputs["B"].default_value = base.default_value
    tree.links.new(mix.outputs["Result"], base)
    return made


def speckled(name: str, look: Look, speckle: float = 0.08, vary: float = 0.0) -> bpy.types.Material:
    """Make a material that shows `paint` slightly richer and unevenly bright; the look's colours are unused.

    Args:
        speckle: strength of brightness noise with the look's patch size.
        vary: strength of brightness differences by the copy's `shade`.
    """
    made = material(name, look)
    tree = made.node_tree
    where = tree.nodes.new("ShaderNodeTexCoord").outputs["Object"]
    noise = _noise(tree, where, look.patch, detail=5)
    fine = _multiply_add(tree, noise, 4 * speckle, 1 - 2 * speckle - vary)
    value = _multiply_add(tree, _attribute(tree, SHADE).outputs["Fac"], 2 * vary, fine)
    rich = tree.nodes.new("ShaderNodeHueSaturation")
    rich.inputs["Saturation"].default_value = 1.15
    tree.links.new(value, rich.inputs["Value"])
    tree.links.new(_attribute(tree, PAINT).outputs["Color"], rich.inputs["Color"])
    tree.links.new(rich.outputs["Color"], tree.nodes["Principled BSDF"].inputs["Base Color"])
    return made


def paint(thing: bpy.types.Object, colours: Array | Colour) -> bpy.types.Object:
    """Set the `paint` of every vertex: colours float (N, 3), or one for all; returns the object."""
    count = len(thing.data.vertices)
    rgba = np.ones((count, 4), np.float32)
    rgba[:, :3] = _linear(np.clip(np.asarray(colours, float), 0, 255))
    attributes = thing.data.attributes
    layer = attributes.get(PAINT) or attributes.new(PAINT, "FLOAT_COLOR", "POINT")
    layer.data.foreach_set("color", rgba.ravel())
    return thing


def blend(low: Array | Colour, high: Array | Colour, share: Array) -> Array:
    """Mix two colours, or two float (N, 3): float (N, 3). `share`, float (N,), is clipped to 0..1."""
    t = np.clip(share, 0, 1)[:, None]
    return np.asarray(low, float) * (1 - t) + np.asarray(high, float) * t


def ramp(share: Array, stops: Sequence[tuple[float, Colour]]) -> Array:
    """Look up shares, float (N,), on a scale of (share, colour) stops: colours, float (N, 3)."""
    places = [place for place, _ in stops]
    return np.column_stack([np.interp(share, places, [colour[i] for _, colour in stops]) for i in range(3)])


def _linear(colours: Array) -> Array:
    srgb = colours / 255
    return np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)


def _noise(
    tree: bpy.types.NodeTree, where: bpy.types.NodeSocket, size: float, detail: float = 4
) -> bpy.types.NodeSocket:
    node = tree.nodes.new("ShaderNodeTexNoise")
    node.inputs["Scale"].default_value = 1 / size
    node.inputs["Detail"].default_value = detail
    tree.links.new(where, node.inputs["Vector"])
    return node.outputs["Fac"]


def _colour(tree: bpy.types.NodeTree, look: Look, where: bpy.types.NodeSocket) -> bpy.types.NodeSocket:
    place = _noise(tree, where, look.patch)
    if look.by_piece:
        mix = tree.nodes.new("ShaderNodeMix")
        mix.inputs["Factor"].default_value = look.by_piece
        tree.links.new(place, mix.inputs["A"])
        tree.links.new(_attribute(tree, SHADE).outputs["Fac"], mix.inputs["B"])
        place = mix.outputs["Result"]
    ramp = tree.nodes.new("ShaderNodeValToRGB")
    spread = 0.5 * (1 - look.contrast) * (0.5 + 0.5 * look.by_piece) + 0.02
    ends = np.linspace(0.5 - spread, 0.5 + spread, len(look.colours))
    elements = ramp.color_ramp.elements
    while len(elements) < len(look.colours):
        elements.new(0.5)
    for element, end, colour in zip(elements, ends, look.colours, strict=True):
        element.position, element.color = float(end), linear(colour)
    tree.links.new(place, ramp.inputs["Fac"])
    return ramp.outputs["Color"]


def _relief(tree: bpy.types.NodeTree, look: Look, where: bpy.types.NodeSocket) -> bpy.types.NodeSocket:
    bump = tree.nodes.new("ShaderNodeBump")
    bump.inputs["Distance"].default_value = look.bump
    tree.links.new(_noise(tree, where, look.bump_size), bump.inputs["Height"])
    return bump.outputs["Normal"]


def _attribute(tree: bpy.types.NodeTree, name: str) -> bpy.types.Node:
    node = tree.nodes.new("ShaderNodeAttribute")
    node.attribute_name = name
    return node


def _multiply_add(
    tree: bpy.types.NodeTree,
    value: bpy.types.NodeSocket,
    by: float,
    plus: bpy.types.NodeSocket | float,
) -> bpy.types.NodeSocket:
    node = tree.nodes.new("ShaderNodeMath")
    node.operation = "MULTIPLY_ADD"
    tree.links.new(value, node.inputs[0])
    node.inputs[1].default_value = by
    if isinstance(plus, float):
        node.inputs[2].default_value = plus
    else:
        tree.links.new(plus, node.inputs[2])
    return node.outputs["Value"]

"""Node trees written as expressions, for the surfaces of tables and tableware."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import bpy

from training.meals.materials import Colour, linear

Socket: TypeAlias = bpy.types.NodeSocket
Value: TypeAlias = Socket | float | tuple[float, ...]


def darker(colour: Colour, share: float) -> Colour:
    """Multiply a colour by a share."""
    r, g, b = (share * c for c in colour)
    return (r, g, b)


class Shader:
    """A Principled material whose methods add nodes and return their outputs. Lengths are in cm."""

    def __init__(self, name: str, **inputs: Value) -> None:
        self.material = bpy.data.materials.new(name)
        self._tree = self.material.node_tree
        self._principled = self._tree.nodes["Principled BSDF"]
        self.where: Socket = self._tree.nodes.new("ShaderNodeTexCoord").outputs["Object"]
        self.set(**inputs)

    def set(self, **inputs: Value) -> Shader:
        """Set inputs of the surface, e.g. `roughness=0.2, base_color=socket`."""
        for name, value in inputs.items():
            spelled = "IOR" if name == "ior" else name.replace("_", " ").title()
            self._feed(self._principled.inputs[spelled], value)
        return self

    def colour(self, value: Socket | Colour) -> Shader:
        """Set the base colour; a triple is sRGB in 0..255."""
        return self.set(base_color=value if isinstance(value, bpy.types.NodeSocket) else linear(value))

    def lets_light_through(self) -> bpy.types.Material:
        """Return the material, transparent to shadow rays: clear glass would be dark without caustics."""
        clear = self._node("ShaderNodeBsdfTransparent", Color=(0.9, 0.9, 0.9, 1.0))
        both = self._node(
            "ShaderNodeMixShader", Fac=self._tree.nodes.new("ShaderNodeLightPath").outputs["Is Shadow Ray"]
        )
        self._feed(both.inputs[1], self._principled.outputs[0])
        self._feed(both.inputs[2], clear.outputs[0])
        self._feed(self._tree.nodes["Material Output"].inputs["Surface"], both.outputs[0])
        return self.material

    def relief(self, height: Socket, distance: float) -> Shader:
        """Add bumps, `distance` cm high at height 1."""
        node = self._node("ShaderNodeBump", Height=height, Distance=distance)
        return self.set(normal=node.outputs["Normal"])

    def axes(self, vector: Socket | None = None) -> tuple[Socket, Socket, Socket]:
        """Split a vector into x, y and z."""
        out = self._node("ShaderNodeSeparateXYZ", Vector=self.where if vector is None else vector).outputs
        return out["X"], out["Y"], out["Z"]

    def stretched(self, scale: Sequence[float], shift: Value = (0.0, 0.0, 0.0)) -> Socket:
        """Scale the position along each axis, then shift it."""
        scaled = self._node("ShaderNodeVectorMath", operation="MULTIPLY")
        self._feed(scaled.inputs[0], self.where)
        self._feed(scaled.inputs[1], tuple(scale))
        moved = self._node("ShaderNodeVectorMath", operation="ADD")
        self._feed(moved.inputs[0], scaled.outputs[0])
        self._feed(moved.inputs[1], shift)
        return moved.outputs[0]

    def math(self, operation: str, first: Value, second: Value = 0.0) -> Socket:
        """Compute with numbers; `operation` is Blender's name, e.g. ADD or SINE."""
        node = self._node("ShaderNodeMath", operation=operation)
        self._feed(node.inputs[0], first)
        self._feed(node.inputs[1], second)
        return node.outputs[0]

    def noise(
        self, size: float, where: Socket | None = None, detail: float = 4.0, distortion: float = 0.0
    ) -> Socket:
        """Return smooth noise in 0..1 with blobs of this size."""
        node = self._node(
            "ShaderNodeTexNoise",
            Vector=self.where if where is None else where,
            Scale=1 / size,
            Detail=detail,
            Distortion=distortion,
        )
        return node.outputs["Fac"]

    def cells(self, size: float, feature: str = "F1", randomness: float = 1.0) -> tuple[Socket, Socket]:
        """Return the distance to a cell's middle or edge (`feature`), in cells, and a random number."""
        node = self._node("ShaderNodeTexVoronoi", feature=feature, Scale=1 / size, Randomness=randomness)
        self._feed(node.inputs["Vector"], self.where)
        if feature == "DISTANCE_TO_EDGE":
            return node.outputs["Distance"], self.cells(size, randomness=randomness)[1]
        return node.outputs["Distance"], self.axes(node.outputs["Color"])[0]

    def bricks(self, width: float, height: float, gap: float, shift: float = 0.5) -> tuple[Socket, Socket]:
        """Return a random number per brick of a wall in the xy plane, and 1 in the gaps."""
        node = self._node("ShaderNodeTexBrick", Vector=self.where, Scale=1.0)
        node.offset = shift
        black, white = (0.0, 0.0, 0.0, 1.0), (1.0, 1.0, 1.0, 1.0)
        for name, value in (("Color1", black), ("Color2", white), ("Mortar", black)):
            self._feed(node.inputs[name], value)
        for name, number in (("Brick Width", width), ("Row Height", height), ("Mortar Size", gap)):
            self._feed(node.inputs[name], number)
        return self.axes(node.outputs["Color"])[0], node.outputs["Fac"]

    def ramp(
        self, place: Socket, colours: Sequence[Colour], ends: Sequence[float], hard: bool = False
    ) -> Socket:
        """Look up colours on a scale, blended or, if `hard`, constant up to the next stop."""
        node = self._node("ShaderNodeValToRGB", Fac=place)
        node.color_ramp.interpolation = "CONSTANT" if hard else "LINEAR"
        elements = node.color_ramp.elements
        while len(elements) < len(colours):
            elements.new(1.0)
        while len(elements) > len(colours):
            elements.remove(elements[-1])
        for element, end, colour in zip(elements, ends, colours, strict=True):
            element.position, element.color = end, linear(colour)
        return node.outputs["Color"]

    def mix(self, share: Value, first: Socket | Colour, second: Socket | Colour) -> Socket:
        """Mix two colours."""
        node = self._node("ShaderNodeMix", data_type="RGBA")
        self._feed(node.inputs["Factor"], share)
        for socket, colour in ((node.inputs[6], first), (node.inputs[7], second)):
            self._feed(socket, colour if isinstance(colour, bpy.types.NodeSocket) else linear(colour))
        return node.outputs[2]

    def plain(self, colour: Colour) -> Socket:
        """Return a constant colour."""
        node = self._tree.nodes.new("ShaderNodeRGB")
        node.outputs[0].default_value = linear(colour)
        return node.outputs[0]

    def times(self, first: Socket, second: Socket) -> Socket:
        """Multiply two colours."""
        node = self._node("ShaderNodeMix", data_type="RGBA", blend_type="MULTIPLY", Factor=1.0)
        self._feed(node.inputs[6], first)
        self._feed(node.inputs[7], second)
        return node.outputs[2]

    def clamped(self, value: Socket, low: float, high: float) -> Socket:
        """Return 0 below `low`, 1 above `high`, and a linear ramp between."""
        node = self._node("ShaderNodeMapRange", Value=value)
        self._feed(node.inputs["From Min"], low)
        self._feed(node.inputs["From Max"], high)
        return node.outputs[0]

    def _node(self, kind: str, **settings: Value | str) -> bpy.types.Node:
        node = self._tree.nodes.new(kind)
        for name, value in settings.items():
            if isinstance(value, str):
                setattr(node, name, value)
            else:
                self._feed(node.inputs[name], value)
        return node

    def _feed(self, socket: Socket, value: Value) -> None:
        if isinstance(value, bpy.types.NodeSocket):
            self._tree.links.new(value, socket)
        else:
            socket.default_value = value

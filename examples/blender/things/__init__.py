# SPDX-License-Identifier: GPL-3.0-or-later
"""Things such as people model: each is a function `(Random) -> [Object, ...]` whose painted pieces stand on z = 0, about a unit high."""

from . import buildings, figures, furniture, machines, plants, vehicles, vessels

VESSELS = (vessels.mug, vessels.bottle, vessels.jar, vessels.bowl, vessels.teapot, vessels.carton, vessels.books, vessels.candle,
           vessels.fruit, vessels.letters, vessels.lamp, vessels.screen, vessels.speaker)  # fmt: skip
FURNITURE = (furniture.table, furniture.chair, furniture.stool, furniture.sofa, furniture.shelf, furniture.bed, furniture.floor_lamp)
PLANTS = (plants.pine, plants.round_tree, plants.branched_tree, plants.potted, plants.mushroom, plants.cactus, plants.rock)
TREES = (plants.pine, plants.pine, plants.round_tree, plants.branched_tree, plants.rock)
FIGURES = (figures.person, figures.person, figures.chibi, figures.blocky, figures.animal, figures.bird, figures.robot)
VEHICLES = (vehicles.car, vehicles.car, vehicles.van, vehicles.truck, vehicles.plane, vehicles.boat, vehicles.tank, vehicles.rocket)
BUILDINGS = (buildings.house, buildings.tower, buildings.shed, buildings.well, buildings.windmill)
ASSETS = (buildings.crate, buildings.barrel, buildings.chest, buildings.sign, buildings.sword, buildings.fence, buildings.stairs)
MACHINES = (machines.gears, machines.pipes, machines.engine, machines.arm, machines.valve, machines.truss, machines.drone)
THIN = (machines.truss, machines.wires, machines.antenna, buildings.fence, furniture.stool, furniture.chair, machines.ladder, machines.cart)

"""Networks of other projects, written out once more in plain torch under the tensor names of their files.

Each is filled with random weights, its norms with random statistics, and saved as its project would, for tests of what
rotonodes makes of those files.
"""

from collections import OrderedDict

import torch
from torch import nn
from torch.nn import functional as F

from rotonodes.values.color import srgb_table

TOLERANCE = 1e-5


def twice(inputs, middle, outputs, bias=False):
    layers = []
    for before, after in ((inputs, middle), (middle, outputs)):
        layers += [nn.Conv2d(before, after, 3, padding=1, bias=bias), nn.BatchNorm2d(after), nn.ReLU()]
    return nn.Sequential(*layers)


def holding(**modules):
    """A module that is only a name for others."""
    module = nn.Module()
    for name, child in modules.items():
        module.add_module(name, child)
    return module


class Milesial(nn.Module):
    """The U-Net of milesial/Pytorch-UNet: names and sums."""

    def __init__(self, channels=3, classes=2, width=64, bilinear=False, bias=False):
        super().__init__()
        self.bilinear = bilinear
        widths = [width * 2**level for level in range(5)]
        bottom = widths[4] // 2 if bilinear else widths[4]
        self.inc = holding(double_conv=twice(channels, width, width, bias))
        for level in range(1, 5):
            outputs = bottom if level == 4 else widths[level]
            block = holding(double_conv=twice(widths[level - 1], outputs, outputs, bias))
            self.add_module(f"down{level}", holding(maxpool_conv=nn.Sequential(nn.MaxPool2d(2), block)))
        for level in range(1, 5):
            inputs, outputs = widths[5 - level], widths[4 - level] // (2 if bilinear and level < 4 else 1)
            conv = holding(double_conv=twice(inputs, inputs // 2 if bilinear else outputs, outputs, bias))
            up = {} if bilinear else {"up": nn.ConvTranspose2d(inputs, inputs // 2, 2, stride=2)}
            self.add_module(f"up{level}", holding(**up, conv=conv))
        self.outc = holding(conv=nn.Conv2d(width, classes, 1))

    def forward(self, x):
        maps = [self.inc.double_conv(x)]
        for level in range(1, 5):
            pool, block = getattr(self, f"down{level}").maxpool_conv
            maps.append(block.double_conv(pool(maps[-1])))
        x = maps.pop()
        for level in range(1, 5):
            stage, skip = getattr(self, f"up{level}"), maps.pop()
            x = F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=True) if self.bilinear else stage.up(x)
            down, across = skip.shape[2] - x.shape[2], skip.shape[3] - x.shape[3]
            x = F.pad(x, [across // 2, across - across // 2, down // 2, down - down // 2])
            x = stage.conv.double_conv(torch.cat([skip, x], dim=1))
        return self.outc.conv(x)


class EarlyMilesial(nn.Module):
    """The U-Net of milesial/Pytorch-UNet in its first years, and, with `renamed`, between then and `Milesial`: names and sums."""

    def __init__(self, channels=3, classes=1, width=64, bilinear=True, renamed=False):
        super().__init__()
        self.bilinear, self.renamed = bilinear, renamed
        a, b, c, d = (width, 2 * width, 4 * width, 8 * width)
        self.inc = self.block(channels, a) if renamed else holding(conv=self.block(channels, a))
        self.down1, self.down2, self.down3, self.down4 = (self.below(*pair) for pair in ((a, b), (b, c), (c, d), (d, d)))
        self.up1, self.up2, self.up3, self.up4 = (self.above(*pair) for pair in ((2 * d, c), (2 * c, b), (2 * b, a), (2 * a, a)))
        self.outc = holding(conv=nn.Conv2d(a, classes, 1))

    def block(self, inputs, outputs):
        layers = twice(inputs, outputs, outputs, bias=True)
        return holding(double_conv=layers) if self.renamed else holding(conv=layers)

    def below(self, inputs, outputs):
        layers = nn.Sequential(nn.MaxPool2d(2), self.block(inputs, outputs))
        return holding(maxpool_conv=layers) if self.renamed else holding(mpconv=layers)

    def above(self, inputs, outputs):
        conv = self.block(inputs, outputs)
        return holding(conv=conv) if self.bilinear else holding(up=nn.ConvTranspose2d(inputs // 2, inputs // 2, 2, stride=2), conv=conv)

    def layers(self, block):
        return block.double_conv if self.renamed else block.conv

    def forward(self, x):
        x1 = self.layers(self.inc if self.renamed else self.inc.conv)(x)
        x2 = self.descended(self.down1, x1)
        x3 = self.descended(self.down2, x2)
        x4 = self.descended(self.down3, x3)
        x5 = self.descended(self.down4, x4)
        x = self.ascended(self.up1, x5, x4)
        x = self.ascended(self.up2, x, x3)
        x = self.ascended(self.up3, x, x2)
        x = self.ascended(self.up4, x, x1)
        return self.outc.conv(x)

    def descended(self, stage, x):
        pool, block = stage.maxpool_conv if self.renamed else stage.mpconv
        return self.layers(block)(pool(x))

    def ascended(self, stage, x, skip):
        x = F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=True) if self.bilinear else stage.up(x)
        down, across = skip.shape[2] - x.shape[2], skip.shape[3] - x.shape[3]
        x = F.pad(x, [across // 2, across - across // 2, down // 2, down - down // 2])
        return self.layers(stage.conv)(torch.cat([skip, x], dim=1))


class ThreeDToTwoD(nn.Module):
    """The U-Net of the 3D-to-2D project: names and sums."""

    def __init__(self, channels=1, classes=5, widths=(64, 128, 256, 512)):
        super().__init__()
        self.ups, self.downs = nn.ModuleList(), nn.ModuleList()
        for before, width in zip((channels, *widths), widths, strict=False):
            self.downs.append(holding(conv=twice(before, width, width)))
        for width in reversed(widths):
            self.ups.append(nn.ConvTranspose2d(2 * width, width, 2, stride=2))
            self.ups.append(holding(conv=twice(2 * width, width, width)))
        self.bottleneck = holding(conv=twice(widths[-1], 2 * widths[-1], 2 * widths[-1]))
        self.final_conv = nn.Conv2d(widths[0], classes, 1)

    def forward(self, x):
        skips = []
        for down in self.downs:
            x = down.conv(x)
            skips.insert(0, x)
            x = F.max_pool2d(x, 2, 2)
        x = self.bottleneck.conv(x)
        for i, skip in enumerate(skips):
            x = self.ups[2 * i](x)
            if x.shape != skip.shape:
                x = F.interpolate(x, size=skip.shape[2:], mode="bilinear", align_corners=False)
            x = self.ups[2 * i + 1].conv(torch.cat((skip, x), dim=1))
        return self.final_conv(x)


def unit(inputs, outputs, rate=1):
    conv = nn.Conv2d(inputs, outputs, 3, padding=rate, dilation=rate)
    return nn.Sequential(OrderedDict(conv_s1=conv, bn_s1=nn.BatchNorm2d(outputs), relu_s1=nn.ReLU()))


def like(x, other):
    return F.interpolate(x, size=other.shape[2:], mode="bilinear", align_corners=False)


def pool(x):
    return F.max_pool2d(x, 2, stride=2, ceil_mode=True)


class Block7(nn.Module):
    """The block of seven levels, written out."""

    def __init__(self, i, m, o):
        super().__init__()
        self.rebnconvin, self.rebnconv1 = unit(i, o), unit(o, m)
        self.rebnconv2, self.rebnconv3, self.rebnconv4 = unit(m, m), unit(m, m), unit(m, m)
        self.rebnconv5, self.rebnconv6, self.rebnconv7 = unit(m, m), unit(m, m), unit(m, m, 2)
        self.rebnconv6d, self.rebnconv5d, self.rebnconv4d = unit(2 * m, m), unit(2 * m, m), unit(2 * m, m)
        self.rebnconv3d, self.rebnconv2d, self.rebnconv1d = unit(2 * m, m), unit(2 * m, m), unit(2 * m, o)

    def forward(self, x):
        x0 = self.rebnconvin(x)
        x1 = self.rebnconv1(x0)
        x2 = self.rebnconv2(pool(x1))
        x3 = self.rebnconv3(pool(x2))
        x4 = self.rebnconv4(pool(x3))
        x5 = self.rebnconv5(pool(x4))
        x6 = self.rebnconv6(pool(x5))
        y = self.rebnconv6d(torch.cat((self.rebnconv7(x6), x6), 1))
        y = self.rebnconv5d(torch.cat((like(y, x5), x5), 1))
        y = self.rebnconv4d(torch.cat((like(y, x4), x4), 1))
        y = self.rebnconv3d(torch.cat((like(y, x3), x3), 1))
        y = self.rebnconv2d(torch.cat((like(y, x2), x2), 1))
        return self.rebnconv1d(torch.cat((like(y, x1), x1), 1)) + x0


class Block6(nn.Module):
    def __init__(self, i, m, o):
        super().__init__()
        self.rebnconvin, self.rebnconv1 = unit(i, o), unit(o, m)
        self.rebnconv2, self.rebnconv3, self.rebnconv4 = unit(m, m), unit(m, m), unit(m, m)
        self.rebnconv5, self.rebnconv6 = unit(m, m), unit(m, m, 2)
        self.rebnconv5d, self.rebnconv4d, self.rebnconv3d = unit(2 * m, m), unit(2 * m, m), unit(2 * m, m)
        self.rebnconv2d, self.rebnconv1d = unit(2 * m, m), unit(2 * m, o)

    def forward(self, x):
        x0 = self.rebnconvin(x)
        x1 = self.rebnconv1(x0)
        x2 = self.rebnconv2(pool(x1))
        x3 = self.rebnconv3(pool(x2))
        x4 = self.rebnconv4(pool(x3))
        x5 = self.rebnconv5(pool(x4))
        y = self.rebnconv5d(torch.cat((self.rebnconv6(x5), x5), 1))
        y = self.rebnconv4d(torch.cat((like(y, x4), x4), 1))
        y = self.rebnconv3d(torch.cat((like(y, x3), x3), 1))
        y = self.rebnconv2d(torch.cat((like(y, x2), x2), 1))
        return self.rebnconv1d(torch.cat((like(y, x1), x1), 1)) + x0


class Block5(nn.Module):
    def __init__(self, i, m, o):
        super().__init__()
        self.rebnconvin, self.rebnconv1 = unit(i, o), unit(o, m)
        self.rebnconv2, self.rebnconv3, self.rebnconv4, self.rebnconv5 = unit(m, m), unit(m, m), unit(m, m), unit(m, m, 2)
        self.rebnconv4d, self.rebnconv3d = unit(2 * m, m), unit(2 * m, m)
        self.rebnconv2d, self.rebnconv1d = unit(2 * m, m), unit(2 * m, o)

    def forward(self, x):
        x0 = self.rebnconvin(x)
        x1 = self.rebnconv1(x0)
        x2 = self.rebnconv2(pool(x1))
        x3 = self.rebnconv3(pool(x2))
        x4 = self.rebnconv4(pool(x3))
        y = self.rebnconv4d(torch.cat((self.rebnconv5(x4), x4), 1))
        y = self.rebnconv3d(torch.cat((like(y, x3), x3), 1))
        y = self.rebnconv2d(torch.cat((like(y, x2), x2), 1))
        return self.rebnconv1d(torch.cat((like(y, x1), x1), 1)) + x0


class Block4(nn.Module):
    def __init__(self, i, m, o):
        super().__init__()
        self.rebnconvin, self.rebnconv1 = unit(i, o), unit(o, m)
        self.rebnconv2, self.rebnconv3, self.rebnconv4 = unit(m, m), unit(m, m), unit(m, m, 2)
        self.rebnconv3d, self.rebnconv2d, self.rebnconv1d = unit(2 * m, m), unit(2 * m, m), unit(2 * m, o)

    def forward(self, x):
        x0 = self.rebnconvin(x)
        x1 = self.rebnconv1(x0)
        x2 = self.rebnconv2(pool(x1))
        x3 = self.rebnconv3(pool(x2))
        y = self.rebnconv3d(torch.cat((self.rebnconv4(x3), x3), 1))
        y = self.rebnconv2d(torch.cat((like(y, x2), x2), 1))
        return self.rebnconv1d(torch.cat((like(y, x1), x1), 1)) + x0


class Flat4(nn.Module):
    """The block that does not pool."""

    def __init__(self, i, m, o):
        super().__init__()
        self.rebnconvin, self.rebnconv1 = unit(i, o), unit(o, m)
        self.rebnconv2, self.rebnconv3, self.rebnconv4 = unit(m, m, 2), unit(m, m, 4), unit(m, m, 8)
        self.rebnconv3d, self.rebnconv2d, self.rebnconv1d = unit(2 * m, m, 4), unit(2 * m, m, 2), unit(2 * m, o)

    def forward(self, x):
        x0 = self.rebnconvin(x)
        x1 = self.rebnconv1(x0)
        x2 = self.rebnconv2(x1)
        x3 = self.rebnconv3(x2)
        y = self.rebnconv3d(torch.cat((self.rebnconv4(x3), x3), 1))
        y = self.rebnconv2d(torch.cat((y, x2), 1))
        return self.rebnconv1d(torch.cat((y, x1), 1)) + x0


class NestedU(nn.Module):
    """U-2-Net: names and sums. `down` and `up` are the (middle, output) features of its stages."""

    FULL = [(32, 64), (32, 128), (64, 256), (128, 512), (256, 512), (256, 512)], [(256, 512), (128, 256), (64, 128), (32, 64), (16, 64)]
    SMALL = [(16, 64)] * 6, [(16, 64)] * 5

    def __init__(self, down, up, channels=3):
        super().__init__()
        outs = [o for _, o in down]
        (self.stage1, self.stage2, self.stage3, self.stage4, self.stage5, self.stage6) = (
            kind(i, *pair) for kind, i, pair in zip((Block7, Block6, Block5, Block4, Flat4, Flat4), [channels, *outs], down, strict=False)
        )
        below = [outs[5], *(o for _, o in up[:-1])]
        seen = [one + other for one, other in zip(below, reversed(outs[:5]), strict=True)]
        (self.stage5d, self.stage4d, self.stage3d, self.stage2d, self.stage1d) = (
            kind(i, *pair) for kind, i, pair in zip((Flat4, Block4, Block5, Block6, Block7), seen, up, strict=True)
        )
        sides = [*(o for _, o in reversed(up)), outs[5]]
        self.side1, self.side2, self.side3, self.side4, self.side5, self.side6 = (nn.Conv2d(o, 1, 3, padding=1) for o in sides)
        self.outconv = nn.Conv2d(6, 1, 1)

    def forward(self, x):
        x1 = self.stage1(x)
        x2 = self.stage2(pool(x1))
        x3 = self.stage3(pool(x2))
        x4 = self.stage4(pool(x3))
        x5 = self.stage5(pool(x4))
        x6 = self.stage6(pool(x5))
        y5 = self.stage5d(torch.cat((like(x6, x5), x5), 1))
        y4 = self.stage4d(torch.cat((like(y5, x4), x4), 1))
        y3 = self.stage3d(torch.cat((like(y4, x3), x3), 1))
        y2 = self.stage2d(torch.cat((like(y3, x2), x2), 1))
        y1 = self.stage1d(torch.cat((like(y2, x1), x1), 1))
        d1 = self.side1(y1)
        sides = [self.side2(y2), self.side3(y3), self.side4(y4), self.side5(y5), self.side6(x6)]
        sides = [d1, *(like(side, d1) for side in sides)]
        return [torch.sigmoid(d) for d in (self.outconv(torch.cat(sides, 1)), *sides)]


def randomised(network, seed=3):
    """Weights and statistics of no particular kind, so that each of them matters."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.running_mean.copy_(torch.randn(module.running_mean.shape, generator=generator) * 0.3)
                module.running_var.copy_(torch.rand(module.running_var.shape, generator=generator) + 0.5)
                module.weight.copy_(torch.rand(module.weight.shape, generator=generator) + 0.5)
                module.bias.copy_(torch.randn(module.bias.shape, generator=generator) * 0.3)
                module.num_batches_tracked.fill_(7)
            elif isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
                fan = module.weight[0].numel()
                module.weight.copy_(torch.randn(module.weight.shape, generator=generator) * fan**-0.5)
                if module.bias is not None:
                    module.bias.copy_(torch.randn(module.bias.shape, generator=generator) * 0.2)
    return network.eval()


def codes(channels, height, width, seed=5):
    """An 8-bit picture `[H, W, C]`, smooth enough to be one, and what rotonodes reads of it `[1, C, H, W]`, scene-linear."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand(1, channels, 5, 6, generator=generator)
    smooth = F.interpolate(coarse, size=(height, width), mode="bicubic").clamp(0, 1)
    noisy = (smooth + 0.1 * torch.rand(smooth.shape, generator=generator)).clamp(0, 1)
    samples = (noisy * 255).round().byte()[0].permute(1, 2, 0).numpy()
    return samples, torch.from_numpy(srgb_table(256)[samples]).permute(2, 0, 1)[None]


def plain(samples):
    """How its own project feeds an 8-bit picture to a network: / 255."""
    return torch.from_numpy(samples).permute(2, 0, 1)[None].float() / 255


def saved(network, path, wrap=lambda state: state, **options):
    torch.save(wrap(network.state_dict()), path, **options)
    return path


def near(one, other):
    assert one.shape == other.shape
    assert (one - other).abs().max() <= TOLERANCE


def count(network):
    return sum(p.numel() for p in network.parameters())


TINY = [(4, 8), (4, 6), (5, 8), (6, 8), (4, 8), (4, 10)], [(4, 8), (4, 6), (4, 8), (5, 8), (3, 8)]


def by_u2net(network, samples, side=320):
    """The matte of U-2-Net's own script for an 8-bit picture, in floats."""
    height, width = samples.shape[:2]
    x = F.interpolate(plain(samples), size=(side, side), mode="bilinear", align_corners=False)
    x = x / max(x.max(), 1e-6)
    x = (x - torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1)) / torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1)
    first = network(x)[0]
    first = (first - first.min()) / (first.max() - first.min())
    return F.interpolate(first, size=(height, width), mode="bilinear", align_corners=False)

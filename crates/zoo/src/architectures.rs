//! The architectures, each as its paper's table.

use crate::net::{Conv, Net};

/// LeNet-5 (LeCun et al., 1998) as it is trained today: ReLU, max-pooling, 28x28 digits padded to 32x32.
pub(crate) fn lenet5() -> Net {
    Net::new([1, 28, 28])
        .convolve(Conv::new(6, 5))
        .relu()
        .max_pool(2, 2)
        .convolve(Conv::new(16, 5).padding(0))
        .relu()
        .max_pool(2, 2)
        .dense(120)
        .relu()
        .dense(84)
        .relu()
        .dense(10)
}

/// What `scripts/train_fashion.py` trains: 3x3 convolutions, their batch norms folded, and the average of each channel.
pub(crate) fn fashion() -> Net {
    let start = Net::new([1, 28, 28]).conv(16, 3).relu().max_pool(2, 2);
    let middle = start.conv(32, 3).relu().conv(32, 3).relu().max_pool(2, 2);
    middle.conv(64, 3).relu().global_average().dense(10)
}

/// VGG (Simonyan and Zisserman, 2014) on 32x32 images, as zkCNN proves it: blocks of 3x3 convolutions, each block ended by a pool,
/// and fully connected layers 512-512-512-10.
fn vgg(blocks: &[&[usize]]) -> Net {
    let block = |net: Net, channels: &&[usize]| {
        let convolved = channels.iter().fold(net, |net, &channels| net.conv(channels, 3).relu());
        convolved.max_pool(2, 2)
    };
    let features = blocks.iter().fold(Net::new([3, 32, 32]), block);
    features.dense(512).relu().dense(512).relu().dense(10)
}

/// Configuration A: 8 convolutions.
pub(crate) fn vgg11() -> Net {
    vgg(&[&[64], &[128], &[256; 2], &[512; 2], &[512; 2]])
}

/// Configuration D: 13 convolutions.
pub(crate) fn vgg16() -> Net {
    vgg(&[&[64; 2], &[128; 2], &[256; 3], &[512; 3], &[512; 3]])
}

/// A shortcut around a residual branch: a 1x1 convolution where channels or plane change.
fn join(net: Net, shortcut: crate::Value, channels: usize, stride: usize) -> Net {
    let branch = net.here();
    let net = net.at(shortcut);
    let projected = match net.shape()[1] == channels && stride == 1 {
        true => net,
        false => net.convolve(Conv::new(channels, 1).stride(stride)),
    };
    projected.plus(branch).relu()
}

/// ResNet-18 (He et al., 2015) as it is used for CIFAR-10: a 3x3 stem in stride 1, four stages of two basic blocks.
pub(crate) fn resnet18() -> Net {
    let basic = |net: Net, channels: usize, stride: usize| {
        let shortcut = net.here();
        let branch = net.convolve(Conv::new(channels, 3).stride(stride)).relu().conv(channels, 3);
        join(branch, shortcut, channels, stride)
    };
    let stage = |net: Net, (channels, stride): (usize, usize)| basic(basic(net, channels, stride), channels, 1);
    let stem = Net::new([3, 32, 32]).conv(64, 3).relu();
    let features = [(64, 1), (128, 2), (256, 2), (512, 2)].into_iter().fold(stem, stage);
    features.global_average().dense(10)
}

/// ResNet-50 on images of `side` by `side`: bottleneck blocks that step in their 3x3 convolution.
pub(crate) fn resnet50(side: usize) -> Net {
    let bottleneck = |net: Net, width: usize, stride: usize| {
        let shortcut = net.here();
        let narrow = net.conv(width, 1).relu().convolve(Conv::new(width, 3).stride(stride)).relu();
        join(narrow.conv(4 * width, 1), shortcut, 4 * width, stride)
    };
    let stage = |net: Net, (width, blocks, stride): (usize, usize, usize)| {
        (1..blocks).fold(bottleneck(net, width, stride), |net, _| bottleneck(net, width, 1))
    };
    let stem = Net::new([3, side, side]).convolve(Conv::new(64, 7).stride(2)).relu();
    let stem = stem.max_pool_padded(3, 2, 1);
    let features = [(64, 3, 1), (128, 4, 2), (256, 6, 2), (512, 3, 2)].into_iter().fold(stem, stage);
    features.global_average().dense(1000)
}

/// MobileNet-v1 (Howard et al., 2017): a stem in stride `stem`, 13 depthwise convolutions with 1x1 convolutions between them.
fn mobilenet(side: usize, stem: usize, strides: [usize; 13], classes: usize) -> Net {
    let channels = [64, 128, 128, 256, 256, 512, 512, 512, 512, 512, 512, 1024, 1024];
    let separable = |net: Net, (channels, stride): (usize, usize)| {
        net.convolve(Conv::depthwise(3).stride(stride)).relu().conv(channels, 1).relu()
    };
    let stem = Net::new([3, side, side]).convolve(Conv::new(32, 3).stride(stem)).relu();
    channels.into_iter().zip(strides).fold(stem, separable).global_average().dense(classes)
}

/// Three of the steps in stride 2 are left out, for 32x32 images.
pub(crate) fn mobilenet_v1() -> Net {
    mobilenet(32, 1, [1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1], 10)
}

/// The paper's network.
pub(crate) fn mobilenet_v1_224() -> Net {
    mobilenet(224, 2, [1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1], 1000)
}

/// A fire module (Iandola et al., 2016): squeezed to fewer channels, then expanded by 1x1 and by 3x3 kernels.
fn fire(net: Net, squeeze: usize, expand: usize) -> Net {
    let squeezed = net.conv(squeeze, 1).relu();
    let start = squeezed.here();
    let wide = squeezed.conv(expand, 3).relu();
    let end = wide.here();
    wide.at(start).conv(expand, 1).relu().concat(end)
}

/// The modules of SqueezeNet 1.1 after its stem, with the given pool between stages.
fn squeezenet(stem: Net, classes: usize, pool: impl Fn(Net) -> Net) -> Net {
    let stage = |net: Net, modules: &[(usize, usize)]| {
        let net = pool(net);
        modules.iter().fold(net, |net, &(squeeze, expand)| fire(net, squeeze, expand))
    };
    let net = stage(stem, &[(16, 64), (16, 64)]);
    let net = stage(net, &[(32, 128), (32, 128)]);
    let net = stage(net, &[(48, 192), (48, 192), (64, 256), (64, 256)]);
    net.conv(classes, 1).relu().global_average()
}

/// SqueezeNet 1.1 for 32x32 images: a stem in stride 1 and 2x2 pools.
pub(crate) fn squeezenet_cifar() -> Net {
    squeezenet(Net::new([3, 32, 32]).conv(64, 3).relu(), 10, |net| net.max_pool(2, 2))
}

/// SqueezeNet 1.1 as published: pools of overlapping 3x3 windows.
pub(crate) fn squeezenet_224() -> Net {
    let stem = Net::new([3, 224, 224]).convolve(Conv::new(64, 3).stride(2).padding(0)).relu();
    squeezenet(stem, 1000, |net| net.max_pool(3, 2))
}

/// A U-Net (Ronneberger et al., 2015) of three levels, from 16 channels on, for 64x64 grey images: two classes a pixel.
pub(crate) fn unet() -> Net {
    let double = |net: Net, channels: usize| net.conv(channels, 3).relu().conv(channels, 3).relu();
    let mut net = Net::new([1, 64, 64]);
    let mut skips = Vec::new();
    for channels in [16, 32, 64] {
        net = double(net, channels);
        skips.push((channels, net.here()));
        net = net.max_pool(2, 2);
    }
    net = double(net, 128);
    for (channels, skip) in skips.into_iter().rev() {
        net = double(net.upsample(2).conv(channels, 3).relu().concat(skip), channels);
    }
    net.conv(2, 1)
}

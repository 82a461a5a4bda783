"""Predictors, many times faster than computed tap by tap.

A predictor P_n of predify is a transposed convolution of stride s with a large kernel, often with a ReLU. In phase a and at cell
j (in one dimension; `geometry` derives it) it is

    y_a[j] = Σ_c Σ_h x_c[h] κ_{c,a}[j - h]

and its adjoint, the gradient of Σ e·y with respect to x, is the correlation of all phases with the same kernels:

    x̄_c[h] = Σ_a Σ_j e_a[j] κ_{c,a}[j - h]

Under a discrete Fourier transform of a tile (`fourier`), both are at every frequency one matrix product of all rows (images,
tiles, grid points) with the transformed kernel K̂, channels × phases · channels, or its conjugate transpose:

    Ŷ = X̂ K̂        X̄^ = Ê K̂*

With three real products per complex one and the conjugate half of the frequencies left out, a tile of L × L cells of period N
takes 1.5 N² / L² multiplications per cell and pair of channels, instead of taps². The kernels are transformed once per process;
products of few rows are bound by reading the kernel, so that images and grid points share a call. On a CPU `native` does all this
in machine code made for the processor, in fp32 and for channels that fill its vectors; elsewhere `spectral` does, by products of
matrices, with the transforms of `tile_transform`; `spectral_cost` counts what it takes.

A convolution of stride 1 is the adjoint of the transposed convolution with its kernel: the backbone's are computed so as well.

Layers that are small, grouped or dilated are left to the library (`direct`); `choice` decides, from shapes alone.
"""

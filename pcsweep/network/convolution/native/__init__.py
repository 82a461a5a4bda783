"""Fourier transforms of tiles, and products of their spectra, in machine code that LLVM makes for this processor.

A tile is transformed where it lies in the cache: read from the map, with the zeros beyond its border, along its height and its
width, written as spectra; and back, with bias and ReLU, into the map. In vector registers lie *lanes*: neighbouring channels. A
spectrum is complex, and a product of spectra takes three real matrix products (`fourier` has the formulas):

    re = m₁ - m₃,  im = m₁ + m₂        of        m₁ = a (x + y),  m₂ = (b - a) x,  m₃ = (a + b) y

A real map's spectrum has a conjugate half. What is kept (`frequencies`) is u = 0 and u = N/2 with v = 0..N/2, whose maps along
the width are real and share a transform, and u = 1..N/2-1 with every v: N²/2 + 2 complex frequencies for periods N that are even.

`emit` writes LLVM's intermediate code, `dft` that of one transform in registers, `transforms` and `products` the functions,
`library` compiles them once per processor, keeps the machine code on disk and calls it on torch's threads. `plan` says how a
layer is cut into tiles and what that costs, `kernel` transforms its kernel, `layer` is the algorithm. `narrow` computes layers
onto the image's few channels, tap by tap, `pooling` the maximum pooling between them.
"""

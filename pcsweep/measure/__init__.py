"""What is measured of images and grid points, and how pictures of them are kept."""

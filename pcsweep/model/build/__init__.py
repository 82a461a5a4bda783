"""What models are built of: predictors, weights, and predify's and timm's ways to say them."""

"""Where a clip came from: the mark in its picture, the manifest in its file, and the look-up."""

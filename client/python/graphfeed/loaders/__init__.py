"""The loaders, a module for each kind; the package graphfeed has their public names."""

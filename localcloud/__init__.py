"""The local cloud: the packaged application, deployed on this machine. Never part of a deployment itself."""

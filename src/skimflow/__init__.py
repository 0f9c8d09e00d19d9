"""skimflow: from CMS NanoAOD files to measurements one can trust."""

__version__ = "0.1.0"

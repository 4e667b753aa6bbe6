"""Models around models: what makes several of them dependable, cheap or better than one.

Each takes models and is one (`rostra.protocols.Model`), so they go into one another. From Python they are plain classes;
in the configuration they are kinds of ``[models.NAME]`` whose settings name other tables.
"""

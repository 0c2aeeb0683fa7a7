"""The processes of served entities: build, command line, start, health."""

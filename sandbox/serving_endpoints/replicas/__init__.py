"""The processes of served entities: build, command, start, health."""

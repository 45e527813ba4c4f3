"""Moving in and out: importers of other systems' secrets, sealed exports, and configuration kept in files."""

from __future__ import annotations

from strongroom.interchange.found import Found, FoundDocument, FoundReference, Importer, Skipped

__all__ = ["Found", "FoundDocument", "FoundReference", "Importer", "Skipped"]

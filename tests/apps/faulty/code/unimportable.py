from __future__ import annotations

import a_module_that_there_is_not  # type: ignore[import-not-found]

handler = a_module_that_there_is_not.handler

"""Building: an application folder -> a payload that is the same bytes on every computer.

```python
built = build("heartbeat")
path = built.write(output_dir("heartbeat"))     # heartbeat/build/heartbeat-1.0.0.romfs and .json
```
"""

from ophion.build.builder import Built, Network, build, output_dir
from ophion.build.config import AppConfig, find_app, load_config
from ophion.build.scaffold import new_app
from ophion.build.watch import changes

__all__ = [
    "AppConfig",
    "Built",
    "Network",
    "build",
    "changes",
    "find_app",
    "load_config",
    "new_app",
    "output_dir",
]

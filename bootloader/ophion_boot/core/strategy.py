"""What an install strategy is: one file each, chosen by the board's layout, behind these names.

- `name`, `max_image_size`: what it is called; the most bytes that an image may take.
- `active()`, `other()`: the Areas of the image that runs and of the other one.
- `staged()`, `swapped_out()`: the Areas where an update lies, and where the image lies that it replaced.
- `facts()`, `decide()`: what flash says, and what the next boot does about it.
- `begin_upload()`, `discard()`: make room for a new image; forget the other image.
- `set_pending(permanent)`, `confirm()`: ask for an update; let the running image stay.
- `count_trial()`: count a boot on trial, before the image runs.
- `resume()`, `install(...)`, `revert(...)`, `keep()`: finish what a reset cut off; put an update in; go
  back; end a trial that has no way back.

They raise StrategyError for a request that does not fit the state, and OSError for flash faults.
"""


class StrategyError(ValueError):
    """The request does not fit the state of the slots; `str(error)` says why."""

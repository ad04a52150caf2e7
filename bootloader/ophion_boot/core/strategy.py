"""What an install strategy is: one file each, chosen by the board's layout, behind these names.

- `name`, `max_image_size`: what it is called; the most bytes that an image may take.
- `active()`, `other()`: the Areas of the image that runs and of the other one.
- `staged()`, `swapped_out()`: the Areas where an update lies, and where the image lies that it replaced.
- `ways_back()`, `spares()`: what may run when a trial is over, and when the active image is damaged:
  (Area, goes back, name), the preferred one first. What goes back is brought by `revert`, the rest by
  `install`. `name` tells the log where it came from, "" when there is one place only.
- `other_goes_back`: during a trial the other image is the way back, not a copy of the one on trial.
- `takes_encrypted`: an encrypted image may be staged; it is decrypted when it is put where it runs.
- `facts()`, `decide()`: what flash says, and what the next boot does about it.
- `check_upload()`, `discard()`: raise while the other image is wanted; forget it, to make room for a new one.
- `begin_upload()`: both.
- `set_pending(permanent)`, `confirm()`: ask for an update; let the running image stay.
- `count_trial()`: count a boot on trial, before the image runs.
- `interrupted()`: a swap is half done, and nothing but `resume()` may write to the slots.
- `resume()`, `install(...)`, `revert(...)`, `keep()`: finish what a reset cut off; put an update in; go
  back; end a trial that has no way back.

They raise StrategyError for a request that does not fit the state, and OSError for flash faults.
"""


class StrategyError(ValueError):
    """The request does not fit the state of the slots; `str(error)` says why."""

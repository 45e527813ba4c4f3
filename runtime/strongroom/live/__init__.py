"""What a terminal shows of flows while they run: their tasks in a tree, below the lines of their logs."""

from strongroom.live.view import begin as begin
from strongroom.live.view import is_possible as is_possible
from strongroom.live.view import showing as showing

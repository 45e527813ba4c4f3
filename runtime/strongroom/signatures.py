"""What a function takes: arguments bound to names, without what ``inspect`` costs at each call."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from strongroom.errors import ParameterBindError

_SIMPLE = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


class Signature:
    """The parameters of one function. ``bound`` leaves the first one out: that of a method."""

    __slots__ = ("_defaults", "_keyword", "_positional", "_required", "_simple", "inspected", "name", "rest")

    def __init__(self, function: Callable[..., Any], *, bound: bool = False) -> None:
        self.name = getattr(function, "__qualname__", repr(function))
        inspected = inspect.signature(function)
        parameters = list(inspected.parameters.values())[1 if bound else 0 :]
        self.inspected = inspected.replace(parameters=parameters)
        self._simple = all(parameter.kind in _SIMPLE for parameter in parameters)
        self._positional = [p.name for p in parameters if p.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD]
        self._keyword = frozenset(p.name for p in parameters)
        self._defaults = {p.name: p.default for p in parameters if p.default is not p.empty}
        self._required = len(parameters)
        self.rest = next((p.name for p in parameters if p.kind is p.VAR_KEYWORD), None)

    def bind(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, Any]:
        """Arguments by parameter name, defaults filled in, in the order of the signature.

        Variable arguments stand as a tuple and a mapping under their own names. Raises
        :class:`~strongroom.errors.ParameterBindError`.
        """
        if self._simple and len(args) <= len(self._positional):
            values = dict(zip(self._positional, args, strict=False))
            if kwargs:
                if not self._keyword.issuperset(kwargs) or not values.keys().isdisjoint(kwargs):
                    return self._slowly(args, kwargs)
                values.update(kwargs)
            if len(values) < self._required:
                return self._slowly(args, kwargs)
            return values
        return self._slowly(args, kwargs)

    def left_out(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> frozenset[str]:
        """The parameters that have their defaults in a call with these arguments."""
        return self._keyword - self.inspected.bind(*args, **kwargs).arguments.keys()

    def _slowly(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, Any]:
        try:
            bound = self.inspected.bind(*args, **kwargs)
        except TypeError as error:
            unknown = [repr(name) for name in kwargs if name not in self.inspected.parameters]
            if unknown and "missing" in str(error):  # a name that is misspelt leaves another one missing
                error = TypeError(f"{error}, and there is no parameter {', '.join(unknown)}")
            raise ParameterBindError(f"{self.name}{self.inspected} cannot be called like that: {error}.") from None
        bound.apply_defaults()
        return dict(bound.arguments)

    def arguments(self, values: Mapping[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The reverse of :meth:`bind`: what to call the function with."""
        if self._simple:
            return (), dict(values)
        args: list[Any] = []
        kwargs: dict[str, Any] = {}
        for name, parameter in self.inspected.parameters.items():
            if name not in values:
                continue
            if parameter.kind is parameter.VAR_POSITIONAL:
                args.extend(values[name])
            elif parameter.kind is parameter.VAR_KEYWORD:
                kwargs.update(values[name])
            elif parameter.kind is parameter.KEYWORD_ONLY:
                kwargs[name] = values[name]
            else:
                args.append(values[name])
        return tuple(args), kwargs

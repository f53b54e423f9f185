"""Classes of stored values: how they are found again, and how they may change.

A class is stored by reference, module and qualified name: `shop:Order`. It is looked for when a value is read. What the
main file defines is stored under the name by which another program imports it, and found whichever name it has now:
`python shop.py`, `python -m shop`, or imported as `shop`. The classes of a program without a file, such as a notebook,
are stored as `__main__:Order`.

A class that its own name does not lead to is refused when it is stored: one that is made in a function, a named tuple
under another variable's name, what `create_model` or a decorator put under another name. Define it at the top level of
a module, under its own name, or name it at each start: `default_registry.types(Order)`.

Instances of structured classes are stored as their fields, and built again by the constructor or the validation of
their class: dataclasses, named tuples, attrs classes, `msgspec.Struct`, pydantic models. An instance is pickled instead
where that would not give its equal: with attributes beyond its fields, with a way of its own to pickle itself, or where
its `__post_init__` or a validator would change it again. A model keeps which of its fields were given, and its private
attributes: `$unset` and `$private` beside the fields.

Classes may change under workflows in flight:

a new field with a default
    has the default. A default that is another one each time (`uuid4`, the time) is refused: a replay would see another
a new field without one, or a field that is gone
    is an error that names it, with the fields that are stored and those of the class. A class that ignores what it does
    not know drops what is gone: pydantic's `extra="ignore"`, and msgspec without `forbid_unknown_fields`
a member of an enum that is gone
    is an error that names it. Another name for the member that took its place will do
a class that was moved or renamed
    is told to the registry: `default_registry.renamed("shop:Order", Order)`

What cannot be read stalls its workflow and never fails it; `check_replay` tells before. Put the class right, and the
workflow goes on.

`codec="json"` imports nothing by a stored name: it knows the classes in the annotations of the registry's workflows and
activities, in the fields of those classes, and those that `Registry.types` and `Registry.renamed` name.
"""

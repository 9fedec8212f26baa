"""What execution-apis says: its OpenRPC document and its examples, read from a copy of its repository."""

import json
from pathlib import Path

import yaml
from jsonschema import Draft201909Validator


def explained(error):
    """Where a value is wrong and why; of a choice, what each choice says."""
    # Places in lists are left out, so that the same mistake in each of a list's items is told once.
    at = "".join("[]" if isinstance(step, int) else f".{step}" for step in error.absolute_path)
    inside = error.context or []
    # What says that it is of another type is no help, and each choice shall say one thing.
    others = {inner.schema_path[0] for inner in inside if list(inner.path)[-1:] == ["type"]}
    choices = {}
    for inner in inside:
        if inner.schema_path[0] not in others:
            choices.setdefault(inner.schema_path[0], inner)
    if choices:
        return "; or ".join(explained(inner) for inner in choices.values())
    return f"at {at or 'the top'}: {error.message[-300:]}"


class Case:
    """A request of the examples, and the answer that they have for it."""

    def __init__(self, name, method, params, result=None, error=None):
        self.name, self.method, self.params = name, method, params
        self.result, self.error = result, error


class Spec:
    """The document. Methods are those of `eth`, `debug`, `txpool`, `testing` and the engine API."""

    def __init__(self, folder):
        self.folder = Path(folder)
        source = self.folder / "src"
        folders = ["schemas", "engine/openrpc/schemas"]
        self.schemas = {}
        for path in self._files(source, folders):
            self.schemas |= yaml.safe_load(path.read_text())
        folders = ["eth", "debug", "txpool", "testing", "engine/openrpc/methods"]
        self.methods = {}
        for path in self._files(source, folders):
            self.methods |= {method["name"]: method for method in yaml.safe_load(path.read_text())}
        self._mend()

    def _mend(self):
        """Where the document contradicts its own examples, they are right."""
        # An empty list is a list of logs and one of hashes.
        results = self.schemas["FilterResults"]
        results["anyOf"] = results.pop("oneOf")
        # It says itself that messages are suggestions; theirs is "out of gas".
        for choice in self.schemas["CallResultFailure"]["properties"]["error"]["oneOf"]:
            choice["properties"]["message"].pop("pattern")

    @staticmethod
    def _files(source, folders):
        return [path for folder in folders for path in sorted((source / folder).glob("*.yaml"))]

    def mistake(self, schema, value):
        """Why a value is not as a schema has it; None if it is."""
        # References begin at the root, so the schema becomes the root of all of them.
        root = {**schema, "components": {"schemas": self.schemas}}
        errors = (explained(error) for error in Draft201909Validator(root).iter_errors(value))
        return "; ".join(list(dict.fromkeys(errors))[:4]) or None

    def result_mistake(self, method, result):
        """Why a result is not as the document has it."""
        return self.mistake(self.methods[method]["result"]["schema"], result)

    def params_mistake(self, method, params):
        """Why parameters are not as the document has them."""
        declared = self.methods[method].get("params", [])
        if len(params) > len(declared):
            return "too many parameters"
        for place, one in enumerate(declared):
            if place >= len(params):
                if one.get("required"):
                    return f"parameter {place} is missing"
                continue
            mistake = self.mistake(one["schema"], params[place])
            if mistake:
                return f"parameter {place}: {mistake}"
        return None

    def cases(self):
        """All examples: first those that the methods have, then those of the tests."""
        found = []
        for name, method in self.methods.items():
            for number, example in enumerate(method.get("examples", [])):
                params = [param["value"] for param in example.get("params", [])]
                result = example.get("result", {})
                found.append(Case(f"{name}/example-{number}", name, params, result.get("value")))
        for path in sorted((self.folder / "tests").glob("*/*.io")):
            found += self._exchanges(path)
        return found

    @staticmethod
    def _exchanges(path):
        lines = [line for line in path.read_text().splitlines() if line[:3] in (">> ", "<< ")]
        pairs = list(zip(lines[::2], lines[1::2], strict=True))
        for number, (sent, got) in enumerate(pairs):
            call, answer = json.loads(sent[3:]), json.loads(got[3:])
            suffix = f"#{number + 1}" if len(pairs) > 1 else ""
            name = f"{path.parent.name}/{path.stem}{suffix}"
            yield Case(name, call["method"], call.get("params", []), answer.get("result"), answer.get("error"))

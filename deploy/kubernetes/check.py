"""Renders every overlay and holds it against the schemas and the rules of this house; then shows that it can refuse.

Run by `make kubernetes`, in an environment of its own (requirements.txt). Without kubectl or a schema it fails.
"""

import copy
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import kubernetes_validate
import yaml

HERE = Path(__file__).parent
KUBECTL = Path(sys.executable).with_name("kubectl")
# The oldest Kubernetes that is promised, and the newest whose schemas there are.
VERSIONS = ("1.30", "1.37")
MODELS = {
    "keda.sh/v1alpha1": "cloudcoil.models.keda.v1alpha1",
    "monitoring.coreos.com/v1": "cloudcoil.models.prometheus_operator.v1",
}
QUEUES = ["default", "mail", "webhooks"]  # that Holdgate itself puts something into
AROUND_GRACE = 20  # seconds that a worker may need beside SHUTDOWN_GRACE
WEB_SECONDS = 13  # that `holdgate web` takes for open requests and streams (3), with room

Document = dict[str, Any]


def main() -> int:
    overlays = sorted(path.parent for path in HERE.glob("overlays/*/kustomization.yaml"))
    rendered = {path.name: list(yaml.safe_load_all(render(path))) for path in overlays}
    failed = 0
    for name, documents in rendered.items():
        found = list(problems(documents))
        failed += bool(found)
        print(f"{'FAULTY' if found else 'ok    '} {name}: {len(documents)} objects", *found, sep="\n       ")
    for what, spoil in SPOILT.items():
        documents = copy.deepcopy(rendered["groups"])
        spoil(documents)
        refused = list(problems(documents))
        failed += not refused
        print(f"{'ok     refused' if refused else 'PASSED, yet wrong'}: {what}", *refused[:1], sep="\n       ")
    total = len(rendered) + len(SPOILT)
    print(f"{total - failed} passed, {failed} failed")
    return 1 if failed else 0


def render(overlay: Path) -> str:
    return subprocess.run([KUBECTL, "kustomize", overlay], check=True, capture_output=True, text=True).stdout


def problems(documents: list[Document]) -> Iterator[str]:
    """The rules look only at what the schemas let pass."""
    for judge in (misfits, unsafe):
        found = [f"{d['kind']}/{d['metadata']['name']}: {problem}" for d in documents for problem in judge(d)]
        if found:
            yield from found
            return
    yield from dangling(documents)
    yield from out_of_step(documents)


def misfits(document: Document) -> Iterator[str]:
    """What the schemas say; an unknown field is a fault, too."""
    if module := MODELS.get(document["apiVersion"]):
        model = getattr(import_module(module), document["kind"])
        try:
            read = model.model_validate(document).model_dump(mode="json", by_alias=True, exclude_unset=True)
        except ValueError as error:
            yield str(error)
        else:
            yield from (f"unknown field {path}" for path in lost(document, read))
        return
    for version in VERSIONS:
        try:
            kubernetes_validate.validate(document, version, strict=True)
        except kubernetes_validate.ValidationError as error:
            yield f"{version}: {'.'.join(map(str, error.path))}: {error.message[:200]}"


def lost(given: Any, read: Any, path: str = "") -> Iterator[str]:
    """Fields that the model did not know, and so left out."""
    if isinstance(given, dict):
        for key, value in given.items():
            if key in read:
                yield from lost(value, read[key], f"{path}.{key}")
            else:
                yield f"{path}.{key}"
    elif isinstance(given, list):
        for number, value in enumerate(given):
            yield from lost(value, read[number], f"{path}.{number}")


def unsafe(document: Document) -> Iterator[str]:
    if document["kind"] == "Secret":
        yield "secrets are named here, never kept here"
    if document["metadata"].get("namespace") is None:
        yield "has no namespace"
    if document["kind"] != "Deployment":
        return
    pod = document["spec"]["template"]["spec"]
    as_whom = pod["securityContext"]
    if not (as_whom["runAsNonRoot"] and as_whom["runAsUser"] == 10001):
        yield "runs as somebody else than 10001"
    if as_whom["seccompProfile"] != {"type": "RuntimeDefault"} or pod["automountServiceAccountToken"]:
        yield "has more rights than it needs"
    for container in [*pod["initContainers"], *pod["containers"]]:
        context = container.get("securityContext", {})
        if not context.get("readOnlyRootFilesystem") or context.get("allowPrivilegeEscalation") is not False:
            yield f"{container['name']} may write to its image, or gain rights"
        if context.get("capabilities") != {"drop": ["ALL"]}:
            yield f"{container['name']} keeps capabilities"
        if (
            not {"cpu", "memory"} <= container["resources"]["requests"].keys()
            or "memory" not in container["resources"]["limits"]
        ):
            yield f"{container['name']} does not say what it needs"
        if not re.search(r":[\w.-]+$", container["image"]) or container["image"].endswith(":latest"):
            yield f"{container['name']} runs an image without a version"
    for container in pod["containers"]:
        if missing := {"startupProbe", "livenessProbe", "readinessProbe"} - container.keys():
            yield f"{container['name']} lacks {sorted(missing)}"


def dangling(documents: list[Document]) -> Iterator[str]:
    """Names and labels that lead nowhere, and selectors that catch another's pods."""
    for document in documents:
        name = f"{document['kind']}/{document['metadata']['name']}"
        for look in (names_nothing, scales_twice, selects_wrongly, cannot_write):
            yield from (f"{name}: {problem}" for problem in look(document, documents))


def named(document: Document) -> Iterator[tuple[str, str]]:
    """What an object names: kind and name."""
    spec = document.get("spec", {})
    if target := spec.get("scaleTargetRef"):
        yield "Deployment", target["name"]
    for trigger in spec.get("triggers", ()):
        if "authenticationRef" in trigger:
            yield "TriggerAuthentication", trigger["authenticationRef"]["name"]
    for container in containers(document):
        for source in container["envFrom"]:
            if "configMapRef" in source:
                yield "ConfigMap", source["configMapRef"]["name"]
    if document["kind"] == "Deployment":
        for volume in spec["template"]["spec"]["volumes"]:
            if claim := volume.get("persistentVolumeClaim"):
                yield "PersistentVolumeClaim", claim["claimName"]
    if document["kind"] == "Ingress":
        for rule in spec["rules"]:
            for path in rule["http"]["paths"]:
                yield "Service", path["backend"]["service"]["name"]


def names_nothing(document: Document, documents: list[Document]) -> Iterator[str]:
    there = {(each["kind"], each["metadata"]["name"]) for each in documents}
    yield from (
        f"names the {kind} {name}, which is not there" for kind, name in named(document) if (kind, name) not in there
    )


def scales_twice(document: Document, documents: list[Document]) -> Iterator[str]:
    target = document.get("spec", {}).get("scaleTargetRef", {}).get("name")
    for each in documents:
        if each["kind"] == "Deployment" and each["metadata"]["name"] == target and "replicas" in each["spec"]:
            yield f"{target} has a fixed number of pods as well"


def selects_wrongly(document: Document, documents: list[Document]) -> Iterator[str]:
    wanted = selector(document)
    if not wanted:
        return
    if document["kind"] == "ServiceMonitor":
        services = [each["metadata"]["labels"] for each in documents if each["kind"] == "Service"]
        if not any(wanted.items() <= labels.items() for labels in services):
            yield "watches no service"
        return
    pods = {each["metadata"]["name"]: each["spec"]["template"] for each in documents if each["kind"] == "Deployment"}
    caught = [name for name, pod in pods.items() if wanted.items() <= pod["metadata"]["labels"].items()]
    if not caught or (document["kind"] == "Deployment" and caught != [document["metadata"]["name"]]):
        yield f"selects {caught or 'nothing'}"
    if document["kind"] == "Service":
        ports = {port["name"] for name in caught for c in pods[name]["spec"]["containers"] for port in c["ports"]}
        for port in document["spec"]["ports"]:
            if port["targetPort"] not in ports:
                yield f"no port {port['targetPort']}"


def cannot_write(document: Document, _: list[Document]) -> Iterator[str]:
    for container in containers(document):
        if {"/tmp", "/data"} != {mount["mountPath"] for mount in container["volumeMounts"]}:
            yield f"{container['name']} cannot write where it must"


def containers(document: Document) -> list[Any]:
    """Of a Deployment; others have none."""
    if document["kind"] != "Deployment":
        return []
    pod = document["spec"]["template"]["spec"]
    return [*pod["initContainers"], *pod["containers"]]


def selector(document: Document) -> dict[str, str] | None:
    """The labels by which an object finds others."""
    spec = document.get("spec", {})
    found: dict[str, str] | None
    if document["kind"] == "Service":
        found = spec["selector"]
    elif document["kind"] == "NetworkPolicy":
        found = spec["podSelector"]["matchLabels"]
    else:
        found = spec.get("selector", {}).get("matchLabels")
    return found


def out_of_step(documents: list[Document]) -> Iterator[str]:
    """Figures in two places that must fit each other."""
    settings = next(d["data"] for d in documents if d["kind"] == "ConfigMap")
    served: list[str] = []
    scaled = {d["spec"]["scaleTargetRef"]["name"]: d for d in documents if d["kind"] == "ScaledObject"}
    for document in (d for d in documents if d["kind"] == "Deployment"):
        name, pod = document["metadata"]["name"], document["spec"]["template"]["spec"]
        main = pod["containers"][0]
        ports = {port["name"]: str(port["containerPort"]) for port in main["ports"]}
        if main["name"] == "worker":
            needed = int(settings["SHUTDOWN_GRACE"]) + AROUND_GRACE
            if ports != {"metrics": settings["METRICS_PORT"]}:
                yield f"{name}: METRICS_PORT is another"
        else:
            needed = main["lifecycle"]["preStop"]["sleep"]["seconds"] + WEB_SECONDS
            if ports != {"http": settings["PORT"]}:
                yield f"{name}: PORT is another"
        if pod["terminationGracePeriodSeconds"] < needed:
            yield f"{name}: is killed before its grace has passed ({needed} s)"
        queues = [
            part.split(":")[0]
            for entry in main.get("env", ())
            if entry["name"] == "QUEUES"
            for part in entry["value"].split(",")
        ]
        served += queues
        if name in scaled:
            query = scaled[name]["spec"]["triggers"][0]["metadata"]["query"]
            if query.split("'")[1] != "{" + ",".join(queues) + "}":
                yield f"{name}: KEDA asks for other queues than {queues}"
    if len(served) != len(set(served)) or not set(QUEUES) <= set(served):
        yield f"the workers' QUEUES are together {sorted(served)}"


def one(documents: list[Document], kind: str, name: str) -> Document:
    return next(d for d in documents if d["kind"] == kind and d["metadata"]["name"] == name)


def worker(documents: list[Document]) -> Document:
    found: Document = one(documents, "Deployment", "holdgate-worker")["spec"]["template"]["spec"]
    return found


# What must be refused, each a small change to a rendered overlay.
SPOILT: dict[str, Callable[[list[Document]], Any]] = {
    "a field that does not exist": lambda all: worker(all)["containers"][0].update(imagePullSecret="x"),
    "a number written as text": lambda all: worker(all).update(terminationGracePeriodSeconds="45"),
    "a field that KEDA does not know": lambda all: one(all, "ScaledObject", "holdgate-worker")["spec"].update(poling=1),
    "a ScaledObject without a target": lambda all: one(all, "ScaledObject", "holdgate-worker")["spec"].pop(
        "scaleTargetRef"
    ),
    "a field that the operator does not know": lambda all: one(all, "ServiceMonitor", "holdgate-web")["spec"][
        "endpoints"
    ][0].update(ports="http"),
    "a secret in the tree": lambda all: all.append(
        {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s", "namespace": "n"}}
    ),
    "a root file system that can be written": lambda all: worker(all)["containers"][0]["securityContext"].update(
        readOnlyRootFilesystem=False
    ),
    "an image without a version": lambda all: worker(all)["containers"][0].update(image="holdgate"),
    "less time than SHUTDOWN_GRACE": lambda all: worker(all).update(terminationGracePeriodSeconds=25),
    "other queues than KEDA asks for": lambda all: worker(all)["containers"][0]["env"][0].update(value="default:1"),
    "a queue that two groups serve, and one that none does": lambda all: one(all, "Deployment", "holdgate-worker-mail")[
        "spec"
    ]["template"]["spec"]["containers"][0]["env"][0].update(value="webhooks:5"),
    "a budget for no pods": lambda all: one(all, "PodDisruptionBudget", "holdgate-web")["spec"]["selector"][
        "matchLabels"
    ].update({"app.kubernetes.io/component": "webb"}),
    "settings that are not there": lambda all: worker(all)["containers"][0]["envFrom"][0]["configMapRef"].update(
        name="x"
    ),
    "a Deployment that selects another's pods": lambda all: one(all, "Deployment", "holdgate-worker")["spec"][
        "selector"
    ]["matchLabels"].pop("holdgate/queues"),
}


if __name__ == "__main__":
    sys.exit(main())

"""All policy data that is in force together: loaded whole or not at all, with its revision."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from cds_service.kernel.errors import CdsError, DataError
from cds_service.kernel.yaml_data import YamlFile
from cds_service.policy.model import Payer, PolicyVersion, Product, Service
from cds_service.policy.tumors import Attestations, TumorModel


class BundleError(CdsError):
    """A bundle that does not load; `errors` names everything that is wrong with it."""

    code = "policy-data"

    def __init__(self, errors: Iterable[DataError]) -> None:
        self.errors = tuple(errors)
        super().__init__("\n".join(str(error) for error in self.errors))


@dataclass(frozen=True, slots=True)
class PolicyBundle:
    """Policy data by id. versions: policy id -> its versions, oldest first; revision: hash of all data;
    files: `kind id` -> the YAML file it came from, for messages about it.
    """

    payers: Mapping[str, Payer]
    products: Mapping[str, Product]
    services: Mapping[str, Service]
    tumors: Mapping[str, TumorModel]
    attestations: Attestations
    versions: Mapping[str, tuple[PolicyVersion, ...]]
    revision: str
    files: Mapping[str, YamlFile] = field(repr=False)

    @property
    def all_versions(self) -> tuple[PolicyVersion, ...]:
        """Every version of every policy."""
        return tuple(version for versions in self.versions.values() for version in versions)

    def file_of(self, version: PolicyVersion) -> YamlFile:
        """The file that a version was read from."""
        return self.files[f"version {version.policy}@{version.version}"]

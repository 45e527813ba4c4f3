"""What a server found when it looked at everything, as an embedded registry tells it."""

from __future__ import annotations

from strongroom_registry.audit import AuditReport
from strongroom_registry.errors import AuditChainBroken, IntegrityError
from strongroom_registry.key_care import EpochUse, KeyReport, KeyWrap, RemovedKey, WrapCheck
from strongroom_registry.remote import wire
from strongroom_registry.remote.problems import fault_of, raised
from strongroom_registry.rotation import Level, RotationReport
from strongroom_registry.verification import Problem, VerifyReport


def verification(told: wire.VerificationTold) -> VerifyReport:
    """What :meth:`Registry.verify` returns."""
    return VerifyReport(told.documents, told.versions, tuple(map(_problem, told.problems)))


def verification_told(report: VerifyReport) -> wire.VerificationTold:
    """The same, as it is told."""
    problems = [_problem_told(problem) for problem in report.problems]
    return wire.VerificationTold(documents=report.documents, versions=report.versions, problems=problems)


def audit(told: wire.AuditTold) -> AuditReport:
    """What :meth:`Registry.verify_audit` returns."""
    problem = None if told.problem is None else AuditChainBroken(told.problem.message, told.problem.remedy)
    return AuditReport(told.entries, told.first_bad, problem)


def audit_told(report: AuditReport) -> wire.AuditTold:
    """The same, as it is told."""
    problem = None if report.problem is None else fault_of(report.problem)
    return wire.AuditTold(entries=report.entries, first_bad=report.first_bad, problem=problem)


def wrap(told: wire.WrapTold) -> KeyWrap:
    """One of what :meth:`Registry.keys` returns."""
    return KeyWrap(told.epoch, told.provider, told.fingerprint, told.created_at, told.state)


def wrap_told(found: KeyWrap) -> wire.WrapTold:
    """The same, as it is told."""
    return wire.WrapTold(
        epoch=found.epoch,
        provider=found.provider,
        fingerprint=found.fingerprint,
        created_at=found.created_at,
        state=found.state,
    )


def keys(told: wire.KeysChecked) -> KeyReport:
    """What :meth:`Registry.check_keys` returns."""
    return KeyReport(
        tuple(EpochUse(used.epoch, used.heads, used.versions) for used in told.used),
        tuple(WrapCheck(wrap(check.wrap), check.opens, check.problem) for check in told.wraps),
        tuple(RemovedKey(gone.removed_at, gone.provider, gone.fingerprint) for gone in told.removed),
    )


def keys_told(report: KeyReport) -> wire.KeysChecked:
    """The same, as it is told."""
    return wire.KeysChecked(
        used=[wire.EpochTold(epoch=use.epoch, heads=use.heads, versions=use.versions) for use in report.used],
        wraps=[
            wire.WrapChecked(wrap=wrap_told(check.wrap), opens=check.opens, problem=check.problem)
            for check in report.wraps
        ],
        removed=[
            wire.RemovedTold(removed_at=gone.removed_at, provider=gone.provider, fingerprint=gone.fingerprint)
            for gone in report.removed
        ],
    )


def rotation(told: wire.RotationTold) -> RotationReport:
    """What :meth:`Registry.rotate` returns."""
    return RotationReport(
        Level(told.level),
        told.epoch,
        told.versions,
        told.resealed,
        told.heads,
        tuple(told.retired),
        tuple(map(_problem, told.problems)),
        told.resumed,
        told.scrubbed,
    )


def rotation_told(report: RotationReport) -> wire.RotationTold:
    """The same, as it is told."""
    return wire.RotationTold(
        level=report.level.value,
        epoch=report.epoch,
        versions=report.versions,
        resealed=report.resealed,
        heads=report.heads,
        retired=list(report.retired),
        problems=[_problem_told(problem) for problem in report.problems],
        resumed=report.resumed,
        scrubbed=report.scrubbed,
    )


def _problem(told: wire.ProblemTold) -> Problem:
    error = raised(told.error, IntegrityError)
    if not isinstance(error, IntegrityError):
        error = IntegrityError(error.problem, error.remedy)
    return Problem(told.name, told.version, error)


def _problem_told(problem: Problem) -> wire.ProblemTold:
    return wire.ProblemTold(name=problem.name, version=problem.version, error=fault_of(problem.error))

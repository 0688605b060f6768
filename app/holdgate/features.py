"""The features, in the order in which their routes, mails and chores are asked for."""

import holdgate.accounts.feature
import holdgate.alarms.feature
import holdgate.api.feature
import holdgate.applications.feature
import holdgate.approvals.feature
import holdgate.audit.feature
import holdgate.bulk.feature
import holdgate.doctor.feature
import holdgate.groups.feature
import holdgate.mail.feature
import holdgate.overview.feature
import holdgate.personal_data.feature
import holdgate.postings.feature
import holdgate.runs.feature
import holdgate.runtime.feature
import holdgate.schedules.feature
import holdgate.stats.feature
import holdgate.tasks.feature
import holdgate.web.feature
import holdgate.webhooks.feature

FEATURES = (
    holdgate.runtime.feature.FEATURE,
    holdgate.tasks.feature.FEATURE,
    # Before schedules: what was missed while no worker was there is seen before it is made up for.
    holdgate.alarms.feature.FEATURE,
    holdgate.schedules.feature.FEATURE,
    holdgate.approvals.feature.FEATURE,
    holdgate.runs.feature.FEATURE,
    holdgate.bulk.feature.FEATURE,
    holdgate.stats.feature.FEATURE,
    holdgate.postings.feature.FEATURE,
    holdgate.applications.feature.FEATURE,
    holdgate.overview.feature.FEATURE,
    holdgate.webhooks.feature.FEATURE,
    holdgate.mail.feature.FEATURE,
    holdgate.accounts.feature.FEATURE,
    holdgate.groups.feature.FEATURE,
    holdgate.audit.feature.FEATURE,
    holdgate.doctor.feature.FEATURE,
    holdgate.personal_data.feature.FEATURE,
    holdgate.api.feature.FEATURE,
    holdgate.web.feature.FEATURE,
)

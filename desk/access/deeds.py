"""What people did, as the audit calls it (:attr:`core.audit.AuditEntry.what`), in words. Pure."""

from collections.abc import Mapping
from types import MappingProxyType

DEEDS: Mapping[str, str] = MappingProxyType({
    # Coming in.
    "sign_in": "登录", "sign_in_failed": "登录失败", "sign_out": "退出", "session_ended": "结束登录会话",
    "password": "修改密码", "factor_on": "开启二次验证", "factor_off": "关闭二次验证", "factor_codes": "重新生成恢复码",
    "factor_failed": "验证码错误", "recovery_code": "使用恢复码",
    # Accounts.
    "user_added": "新增账号", "user_changed": "修改账号", "user_disabled": "停用账号", "user_enabled": "恢复账号",
    "user_password": "重置密码", "identity_linked": "绑定统一身份", "identity_unlinked": "解除统一身份绑定",
    "token_made": "生成令牌", "token_revoked": "吊销令牌", "export_audit": "导出审计日志",
    # Desks and calls.
    "desk_check": "检查坐席设备",
    "alarm_noted": "确认告警", "screen": "固定为领导大屏", "agent_state": "切换坐席状态", "hangup": "挂断通话",
    "transfer": "转接", "consult": "咨询", "take_back": "接回通话",
    "conference": "三方通话", "complete": "完成转接", "link": "联动", "leave": "离开通话", "dismiss": "移出通话",
    "ask_silent": "静默询问", "help": "求助班长", "help_given": "应答求助", "watch": "监听、耳语、强插",
    "unwatch": "停止监听", "take_over": "接管通话", "mode": "切换运行模式", "push": "提前排队", "push_back": "取消提前",
    "recording": "调听录音", "search": "检索实录", "export_calls": "导出通话清单", "export_list": "导出清单",
    "export_worktime": "导出坐席工时",
    "recording_deleted": "删除到期录音", "recording_replaced": "录音被替换",
    "missed_claim": "认领未接来电", "missed_release": "放回未接来电", "missed_call": "回拨未接来电",
    "missed_close": "关闭未接来电", "kept_cancel": "取消保留位置", "mark": "标记骚扰号码", "unmark": "取消骚扰标记",
    # Tickets.
    "reveal": "查看姓名和号码", "reassign": "改派", "ruling": "裁定退单", "supervise": "督办", "callback": "回访",
    "clock_pause": "暂停时限", "clock_approve": "批准延期或暂停", "clock_refuse": "驳回延期或暂停",
    "incident_link": "并单", "incident_unlink": "拆单", "incident_stay": "改为单独结案",
    "incident_follow": "改为随主单结案",
    "ticket_spare": "不再回访", "handover": "紧急移交", "eido": "导出应急数据", "scene_place": "更改现场位置",
    "scene_grade": "更改警情等级", "units_sent": "派遣力量", "unit": "更改单位状态", "board_send": "派单台派遣",
    "field_help": "应答现场求助", "walkin": "登记来访", "walkin_earlier": "查来访人以往诉求",
    "letter_approved": "批准来信答复",
    "letter_sent": "发出来信答复", "car_owner": "查车主", "car_owner_rung": "呼叫车主",
    "car_owners_import": "导入车主",
    # Other systems.
    "hook_added": "新增推送", "hook_rotated": "更换推送密钥", "hook_paused": "暂停推送", "hook_resumed": "恢复推送",
    "hook_removed": "删除推送", "hook_replayed": "重发推送", "door_key_made": "生成对接密钥",
    "door_key_revoked": "吊销对接密钥",
    # Speech, models, knowledge, figures.
    "correct": "更正实录", "lexicon_accept": "词库采纳", "lexicon_refuse": "词库不采纳",
    "lexicon_withdraw": "撤回词库决定",
    "model_promoted": "启用研判模型", "model_back": "退回上一模型", "model_reject": "否决研判模型",
    "knowledge_import": "导入知识", "knowledge_export": "导出知识", "announcement": "发布停水停电公告",
    "announcement_ended": "结束停水停电公告", "analysis_look": "立即研判", "analysis_note": "批注预警",
    "brief_issue": "出具简报",
    "brief_export": "导出简报", "freeze_assessment": "封存考核", "export_assessment": "导出考核",
    # Quality.
    "quality_draw": "质检抽样", "prove_draw": "核验抽样", "review": "查看质检", "reviews_assign": "分派质检",
    "reviews_release": "发布质检", "reviews_void": "作废质检", "calibration": "校准定案",
    "calibration_call": "校准比对",
    "calibration_names": "查看校准评分人", "coaching": "辅导", "private": "遮蔽隐私", "private_lifted": "撤销遮蔽",
    "example": "选入优秀案例",
    "example_removed": "移出优秀案例", "package": "导出证据包", "export_quality": "导出质检报表",
    "freeze_quality": "质检报表定版",
    # The house.
    "config_saved": "修改配置", "config_restored": "恢复配置", "config_checked": "核对配置",
    "config_applied": "应用配置", "restarted": "重启合一", "restart_refused": "重启检查未通过",
})  # fmt: skip


def deed(what: str) -> str:
    """In words; what nobody knows stays as it is."""
    return DEEDS.get(what, what)

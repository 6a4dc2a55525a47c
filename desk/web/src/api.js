import { t } from "./i18n.js";
import { over } from "./session.js";

export class ApiError extends Error {
  constructor(status, body) {
    super(body.message || t("服务没有响应，请稍后再试"));
    this.status = status;
    this.body = body;
  }
}

/** GET, or POST where a body is given; JSON both ways. Throws ApiError with a sentence for the person. */
export async function api(path, body) {
  let answer;
  try {
    answer = await fetch(path, body === undefined ? {} : {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(body),
      // What was typed last arrives even when the page goes away in the same moment.
      keepalive: true,
    });
  } catch {
    throw new ApiError(0, { message: t("网络中断，正在重连") });
  }
  if (answer.status === 401) over();
  const data = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new ApiError(answer.status, data);
  return data;
}

export type Json = string | number | boolean | null | { [key: string]: Json | undefined } | Json[];

export type Database = {
  public: {
    Tables: {
      account_usage: {
        Row: {
          completion_tokens: number;
          credits: number;
          last_active_at: string | null;
          name: string;
          payment_count: number;
          prompt_tokens: number;
          requests: number;
          revenue: number;
          revenue_by_currency: NonNullable<Json>;
          total_tokens: number;
          user_id: string;
          user_type: string;
        };
        ComputedFields: never;
        Insert: {
          completion_tokens?: number;
          credits?: number;
          last_active_at?: string | null;
          name: string;
          payment_count?: number;
          prompt_tokens?: number;
          requests?: number;
          revenue?: number;
          revenue_by_currency?: NonNullable<Json>;
          total_tokens?: never;
          user_id: string;
          user_type: string;
        };
        Update: {
          completion_tokens?: number;
          credits?: number;
          last_active_at?: string | null;
          name?: string;
          payment_count?: number;
          prompt_tokens?: number;
          requests?: number;
          revenue?: number;
          revenue_by_currency?: NonNullable<Json>;
          total_tokens?: never;
          user_id?: string;
          user_type?: string;
        };
        Relationships: [
          {
            foreignKeyName: "account_usage_user_id_fkey";
            columns: ["user_id"];
            isOneToOne: true;
            referencedRelation: "accounts";
            referencedColumns: ["user_id"];
          },
        ];
      };
      accounts: {
        Row: {
          changed_at: string;
          created_at: string;
          display_name: string | null;
          email: string | null;
          period_anchor: string;
          plan_id: string;
          user_id: string;
          user_type: string;
          version: number;
        };
        ComputedFields: never;
        Insert: {
          changed_at?: string;
          created_at?: string;
          display_name?: string | null;
          email?: string | null;
          period_anchor?: string;
          plan_id: string;
          user_id: string;
          user_type?: string;
          version?: number;
        };
        Update: {
          changed_at?: string;
          created_at?: string;
          display_name?: string | null;
          email?: string | null;
          period_anchor?: string;
          plan_id?: string;
          user_id?: string;
          user_type?: string;
          version?: number;
        };
        Relationships: [
          {
            foreignKeyName: "accounts_plan_id_fkey";
            columns: ["plan_id"];
            isOneToOne: false;
            referencedRelation: "plans";
            referencedColumns: ["id"];
          },
        ];
      };
      credit_grants: {
        Row: {
          created_at: string;
          credits: number;
          expires_at: string | null;
          id: string;
          priority: number;
          remaining: number;
          source: string;
          user_id: string | null;
        };
        ComputedFields: never;
        Insert: {
          created_at: string;
          credits: number;
          expires_at?: string | null;
          id?: string;
          priority: number;
          remaining: number;
          source: string;
          user_id?: string | null;
        };
        Update: {
          created_at?: string;
          credits?: number;
          expires_at?: string | null;
          id?: string;
          priority?: number;
          remaining?: number;
          source?: string;
          user_id?: string | null;
        };
        Relationships: [
          {
            foreignKeyName: "credit_grants_user_id_fkey";
            columns: ["user_id"];
            isOneToOne: false;
            referencedRelation: "accounts";
            referencedColumns: ["user_id"];
          },
        ];
      };
      credit_holds: {
        Row: {
          created_at: string;
          credits: number;
          expires_at: string;
          id: string;
          status: string;
          user_id: string;
        };
        ComputedFields: never;
        Insert: {
          created_at: string;
          credits: number;
          expires_at: string;
          id?: string;
          status?: string;
          user_id: string;
        };
        Update: {
          created_at?: string;
          credits?: number;
          expires_at?: string;
          id?: string;
          status?: string;
          user_id?: string;
        };
        Relationships: [
          {
            foreignKeyName: "credit_holds_user_id_fkey";
            columns: ["user_id"];
            isOneToOne: false;
            referencedRelation: "accounts";
            referencedColumns: ["user_id"];
          },
        ];
      };
      credit_purchases: {
        Row: {
          amount: number;
          completed_at: string | null;
          created_at: string;
          credits: number;
          currency: string;
          id: string;
          provider: string;
          provider_ref: string;
          status: string;
          user_id: string | null;
        };
        ComputedFields: never;
        Insert: {
          amount: number;
          completed_at?: string | null;
          created_at: string;
          credits: number;
          currency: string;
          id?: string;
          provider: string;
          provider_ref: string;
          status: string;
          user_id?: string | null;
        };
        Update: {
          amount?: number;
          completed_at?: string | null;
          created_at?: string;
          credits?: number;
          currency?: string;
          id?: string;
          provider?: string;
          provider_ref?: string;
          status?: string;
          user_id?: string | null;
        };
        Relationships: [
          {
            foreignKeyName: "credit_purchases_user_id_fkey";
            columns: ["user_id"];
            isOneToOne: false;
            referencedRelation: "accounts";
            referencedColumns: ["user_id"];
          },
        ];
      };
      credit_usage: {
        Row: {
          created_at: string;
          credits: number;
          grant_id: string;
          id: number;
          kind: string;
          usage_log_id: string | null;
          user_id: string | null;
        };
        ComputedFields: never;
        Insert: {
          created_at: string;
          credits: number;
          grant_id: string;
          id?: never;
          kind: string;
          usage_log_id?: string | null;
          user_id?: string | null;
        };
        Update: {
          created_at?: string;
          credits?: number;
          grant_id?: string;
          id?: never;
          kind?: string;
          usage_log_id?: string | null;
          user_id?: string | null;
        };
        Relationships: [
          {
            foreignKeyName: "credit_usage_grant_id_fkey";
            columns: ["grant_id"];
            isOneToOne: false;
            referencedRelation: "credit_grants";
            referencedColumns: ["id"];
          },
        ];
      };
      model_rates: {
        Row: {
          completion_credits_per_1k: number;
          effective_from: string;
          model: string;
          prompt_credits_per_1k: number;
        };
        ComputedFields: never;
        Insert: {
          completion_credits_per_1k: number;
          effective_from: string;
          model: string;
          prompt_credits_per_1k: number;
        };
        Update: {
          completion_credits_per_1k?: number;
          effective_from?: string;
          model?: string;
          prompt_credits_per_1k?: number;
        };
        Relationships: [];
      };
      notifications: {
        Row: {
          created_at: string;
          dedupe_key: string;
          delivered_at: string | null;
          id: string;
          kept_until: string;
          kind: string;
          payload: NonNullable<Json>;
          user_id: string;
        };
        ComputedFields: never;
        Insert: {
          created_at: string;
          dedupe_key: string;
          delivered_at?: string | null;
          id?: string;
          kept_until: string;
          kind: string;
          payload: NonNullable<Json>;
          user_id: string;
        };
        Update: {
          created_at?: string;
          dedupe_key?: string;
          delivered_at?: string | null;
          id?: string;
          kept_until?: string;
          kind?: string;
          payload?: NonNullable<Json>;
          user_id?: string;
        };
        Relationships: [
          {
            foreignKeyName: "notifications_user_id_fkey";
            columns: ["user_id"];
            isOneToOne: false;
            referencedRelation: "accounts";
            referencedColumns: ["user_id"];
          },
        ];
      };
      plans: {
        Row: {
          credits_per_period: number;
          id: string;
          is_default: boolean;
          limit_seconds: number | null;
          name: string;
          near_limit_seconds: number;
          period: string;
        };
        ComputedFields: never;
        Insert: {
          credits_per_period?: number;
          id: string;
          is_default?: boolean;
          limit_seconds?: number | null;
          name: string;
          near_limit_seconds?: number;
          period?: string;
        };
        Update: {
          credits_per_period?: number;
          id?: string;
          is_default?: boolean;
          limit_seconds?: number | null;
          name?: string;
          near_limit_seconds?: number;
          period?: string;
        };
        Relationships: [];
      };
      reading_sessions: {
        Row: {
          created_at: string;
          host_id: string;
          id: string;
          invite_code: string;
          is_active: boolean;
          max_participants: number;
          title: string | null;
          topic: string;
          updated_at: string;
        };
        ComputedFields: never;
        Insert: {
          created_at: string;
          host_id: string;
          id?: string;
          invite_code: string;
          is_active?: boolean;
          max_participants: number;
          title?: string | null;
          topic: string;
          updated_at: string;
        };
        Update: {
          created_at?: string;
          host_id?: string;
          id?: string;
          invite_code?: string;
          is_active?: boolean;
          max_participants?: number;
          title?: string | null;
          topic?: string;
          updated_at?: string;
        };
        Relationships: [];
      };
      session_daily: {
        Row: {
          day: string;
          first_ended_at: string;
          first_started_at: string;
          last_started_at: string;
          session_count: number;
          total_time: string;
          user_id: string;
        };
        ComputedFields: never;
        Insert: {
          day: string;
          first_ended_at: string;
          first_started_at: string;
          last_started_at: string;
          session_count: number;
          total_time: string;
          user_id: string;
        };
        Update: {
          day?: string;
          first_ended_at?: string;
          first_started_at?: string;
          last_started_at?: string;
          session_count?: number;
          total_time?: string;
          user_id?: string;
        };
        Relationships: [];
      };
      session_events: {
        Row: {
          created_at: string;
          event_data: NonNullable<Json>;
          event_type: string;
          id: string;
          occurred_at: string;
          session_id: string;
        };
        ComputedFields: never;
        Insert: {
          created_at: string;
          event_data: NonNullable<Json>;
          event_type: string;
          id: string;
          occurred_at: string;
          session_id: string;
        };
        Update: {
          created_at?: string;
          event_data?: NonNullable<Json>;
          event_type?: string;
          id?: string;
          occurred_at?: string;
          session_id?: string;
        };
        Relationships: [];
      };
      session_participants: {
        Row: {
          display_name: string | null;
          id: string;
          is_active: boolean;
          joined_at: string;
          last_seen_at: string;
          left_at: string | null;
          session_id: string;
          user_id: string;
        };
        ComputedFields: never;
        Insert: {
          display_name?: string | null;
          id?: string;
          is_active?: boolean;
          joined_at: string;
          last_seen_at: string;
          left_at?: string | null;
          session_id: string;
          user_id: string;
        };
        Update: {
          display_name?: string | null;
          id?: string;
          is_active?: boolean;
          joined_at?: string;
          last_seen_at?: string;
          left_at?: string | null;
          session_id?: string;
          user_id?: string;
        };
        Relationships: [
          {
            foreignKeyName: "session_participants_session_id_fkey";
            columns: ["session_id"];
            isOneToOne: false;
            referencedRelation: "reading_sessions";
            referencedColumns: ["id"];
          },
          {
            foreignKeyName: "session_participants_user_id_fkey";
            columns: ["user_id"];
            isOneToOne: false;
            referencedRelation: "accounts";
            referencedColumns: ["user_id"];
          },
        ];
      };
      usage_daily: {
        Row: {
          completion_tokens: number;
          credits: number;
          day: string;
          prompt_tokens: number;
          requests: number;
          user_id: string;
        };
        ComputedFields: never;
        Insert: {
          completion_tokens: number;
          credits: number;
          day: string;
          prompt_tokens: number;
          requests: number;
          user_id: string;
        };
        Update: {
          completion_tokens?: number;
          credits?: number;
          day?: string;
          prompt_tokens?: number;
          requests?: number;
          user_id?: string;
        };
        Relationships: [];
      };
      usage_hourly: {
        Row: {
          completion_tokens: number;
          credits: number;
          hour: string;
          prompt_tokens: number;
          requests: number;
          user_id: string;
        };
        ComputedFields: never;
        Insert: {
          completion_tokens: number;
          credits: number;
          hour: string;
          prompt_tokens: number;
          requests: number;
          user_id: string;
        };
        Update: {
          completion_tokens?: number;
          credits?: number;
          hour?: string;
          prompt_tokens?: number;
          requests?: number;
          user_id?: string;
        };
        Relationships: [];
      };
      usage_intervals: {
        Row: {
          ended_at: string | null;
          session_id: string;
          started_at: string;
          user_id: string;
        };
        ComputedFields: never;
        Insert: {
          ended_at?: string | null;
          session_id: string;
          started_at: string;
          user_id: string;
        };
        Update: {
          ended_at?: string | null;
          session_id?: string;
          started_at?: string;
          user_id?: string;
        };
        Relationships: [
          {
            foreignKeyName: "usage_intervals_session_id_fkey";
            columns: ["session_id"];
            isOneToOne: false;
            referencedRelation: "usage_sessions";
            referencedColumns: ["id"];
          },
        ];
      };
      usage_logs: {
        Row: {
          completion_tokens: number;
          created_at: string;
          credits: number;
          id: string;
          kind: string;
          metadata: NonNullable<Json>;
          model: string | null;
          prompt_tokens: number;
          refunded_at: string | null;
          thread_id: string | null;
          user_id: string;
          xact_id: unknown;
        };
        ComputedFields: never;
        Insert: {
          completion_tokens: number;
          created_at: string;
          credits: number;
          id: string;
          kind: string;
          metadata: NonNullable<Json>;
          model?: string | null;
          prompt_tokens: number;
          refunded_at?: string | null;
          thread_id?: string | null;
          user_id: string;
          xact_id?: unknown;
        };
        Update: {
          completion_tokens?: number;
          created_at?: string;
          credits?: number;
          id?: string;
          kind?: string;
          metadata?: NonNullable<Json>;
          model?: string | null;
          prompt_tokens?: number;
          refunded_at?: string | null;
          thread_id?: string | null;
          user_id?: string;
          xact_id?: unknown;
        };
        Relationships: [];
      };
      usage_sessions: {
        Row: {
          active_since: string | null;
          active_time: string;
          cap_at: string | null;
          device_id: string;
          end_token: string | null;
          ended_at: string | null;
          expires_at: string | null;
          id: string;
          metadata: NonNullable<Json>;
          paused_at: string | null;
          started_at: string;
          status: string;
          user_id: string;
          warn_at: string | null;
        };
        ComputedFields: never;
        Insert: {
          active_since?: string | null;
          active_time?: string;
          cap_at?: string | null;
          device_id: string;
          end_token?: string | null;
          ended_at?: string | null;
          expires_at?: string | null;
          id?: string;
          metadata?: NonNullable<Json>;
          paused_at?: string | null;
          started_at: string;
          status?: string;
          user_id: string;
          warn_at?: string | null;
        };
        Update: {
          active_since?: string | null;
          active_time?: string;
          cap_at?: string | null;
          device_id?: string;
          end_token?: string | null;
          ended_at?: string | null;
          expires_at?: string | null;
          id?: string;
          metadata?: NonNullable<Json>;
          paused_at?: string | null;
          started_at?: string;
          status?: string;
          user_id?: string;
          warn_at?: string | null;
        };
        Relationships: [
          {
            foreignKeyName: "usage_sessions_user_id_fkey";
            columns: ["user_id"];
            isOneToOne: false;
            referencedRelation: "accounts";
            referencedColumns: ["user_id"];
          },
        ];
      };
      usage_totals: {
        Row: {
          period: string;
          period_ends_at: string;
          period_started_at: string;
          used: string;
          user_id: string;
        };
        ComputedFields: never;
        Insert: {
          period: string;
          period_ends_at: string;
          period_started_at: string;
          used: string;
          user_id: string;
        };
        Update: {
          period?: string;
          period_ends_at?: string;
          period_started_at?: string;
          used?: string;
          user_id?: string;
        };
        Relationships: [
          {
            foreignKeyName: "usage_totals_user_id_fkey";
            columns: ["user_id"];
            isOneToOne: false;
            referencedRelation: "accounts";
            referencedColumns: ["user_id"];
          },
        ];
      };
      user_sessions: {
        Row: {
          app_section: string | null;
          device_info: NonNullable<Json>;
          duration_seconds: number | null;
          end_token: string | null;
          id: string;
          last_seen_at: string;
          metadata: NonNullable<Json>;
          session_end: string | null;
          session_start: string;
          user_id: string;
        };
        ComputedFields: never;
        Insert: {
          app_section?: string | null;
          device_info?: NonNullable<Json>;
          duration_seconds?: number | null;
          end_token?: string | null;
          id?: string;
          last_seen_at: string;
          metadata?: NonNullable<Json>;
          session_end?: string | null;
          session_start: string;
          user_id: string;
        };
        Update: {
          app_section?: string | null;
          device_info?: NonNullable<Json>;
          duration_seconds?: number | null;
          end_token?: string | null;
          id?: string;
          last_seen_at?: string;
          metadata?: NonNullable<Json>;
          session_end?: string | null;
          session_start?: string;
          user_id?: string;
        };
        Relationships: [
          {
            foreignKeyName: "user_sessions_user_id_fkey";
            columns: ["user_id"];
            isOneToOne: false;
            referencedRelation: "accounts";
            referencedColumns: ["user_id"];
          },
        ];
      };
      webhook_endpoints: {
        Row: {
          created_at: string;
          enabled: boolean;
          id: string;
          kinds: string[] | null;
          secret: string;
          url: string;
        };
        ComputedFields: never;
        Insert: {
          created_at?: string;
          enabled?: boolean;
          id?: string;
          kinds?: string[] | null;
          secret?: string;
          url: string;
        };
        Update: {
          created_at?: string;
          enabled?: boolean;
          id?: string;
          kinds?: string[] | null;
          secret?: string;
          url?: string;
        };
        Relationships: [];
      };
    };
    Views: {
      [_ in never]: never;
    };
    Functions: {
      check_session_expiry: {
        Args: { session_id: string };
        Returns: Database["public"]["CompositeTypes"]["session_expiry"];
        SetofOptions: {
          from: "*";
          to: "session_expiry";
          isOneToOne: true;
          isSetofReturn: false;
        };
      };
      cleanup_inactive_sessions: { Args: Record<PropertyKey, never>; Returns: number };
      cleanup_old_sessions: {
        Args: { keep?: string };
        Returns: Database["public"]["CompositeTypes"]["cleanup_result"];
        SetofOptions: {
          from: "*";
          to: "cleanup_result";
          isOneToOne: true;
          isSetofReturn: false;
        };
      };
      create_reading_session: {
        Args: { display_name?: string; max_participants?: number; title?: string };
        Returns: {
          created_at: string;
          host_id: string;
          id: string;
          invite_code: string;
          is_active: boolean;
          max_participants: number;
          title: string | null;
          topic: string;
          updated_at: string;
        };
        SetofOptions: {
          from: "*";
          to: "reading_sessions";
          isOneToOne: true;
          isSetofReturn: false;
        };
      };
      end_reading_session: { Args: { session_id: string }; Returns: undefined };
      end_session_with_token: { Args: { end_token: string }; Returns: undefined };
      end_user_session: {
        Args: { session_id: string };
        Returns: {
          app_section: string | null;
          device_info: NonNullable<Json>;
          duration_seconds: number | null;
          end_token: string | null;
          id: string;
          last_seen_at: string;
          metadata: NonNullable<Json>;
          session_end: string | null;
          session_start: string;
          user_id: string;
        };
        SetofOptions: {
          from: "*";
          to: "user_sessions";
          isOneToOne: true;
          isSetofReturn: false;
        };
      };
      erase_user: { Args: { user_id: string }; Returns: Json };
      get_active_sessions: {
        Args: { after_id?: string; page_size?: number };
        Returns: {
          app_section: string | null;
          device_info: NonNullable<Json>;
          duration_seconds: number | null;
          end_token: string | null;
          id: string;
          last_seen_at: string;
          metadata: NonNullable<Json>;
          session_end: string | null;
          session_start: string;
          user_id: string;
        }[];
        SetofOptions: {
          from: "*";
          to: "user_sessions";
          isOneToOne: false;
          isSetofReturn: true;
        };
      };
      get_cleanup_stats: {
        Args: Record<PropertyKey, never>;
        Returns: Database["public"]["CompositeTypes"]["cleanup_stats"];
        SetofOptions: {
          from: "*";
          to: "cleanup_stats";
          isOneToOne: true;
          isSetofReturn: false;
        };
      };
      get_credit_balance: {
        Args: Record<PropertyKey, never>;
        Returns: Database["public"]["CompositeTypes"]["credit_balance"];
        SetofOptions: {
          from: "*";
          to: "credit_balance";
          isOneToOne: true;
          isSetofReturn: false;
        };
      };
      get_session_analytics: {
        Args: { days_back?: number };
        Returns: Database["public"]["CompositeTypes"]["session_analytics"];
        SetofOptions: {
          from: "*";
          to: "session_analytics";
          isOneToOne: true;
          isSetofReturn: false;
        };
      };
      get_subscription_summary: {
        Args: Record<PropertyKey, never>;
        Returns: Database["public"]["CompositeTypes"]["subscription_summary"];
        SetofOptions: {
          from: "*";
          to: "subscription_summary";
          isOneToOne: true;
          isSetofReturn: false;
        };
      };
      get_thread_usage: {
        Args: { thread_id: string };
        Returns: Database["public"]["CompositeTypes"]["thread_usage"];
        SetofOptions: {
          from: "*";
          to: "thread_usage";
          isOneToOne: true;
          isSetofReturn: false;
        };
      };
      get_usage_metrics: {
        Args: { days_back?: number };
        Returns: Database["public"]["CompositeTypes"]["usage_metrics"];
        SetofOptions: {
          from: "*";
          to: "usage_metrics";
          isOneToOne: true;
          isSetofReturn: false;
        };
      };
      get_usage_overview: {
        Args: {
          activity?: string;
          page?: number;
          page_size?: number;
          search?: string;
          sort?: string;
          user_type?: string;
        };
        Returns: Database["public"]["CompositeTypes"]["usage_overview"];
        SetofOptions: {
          from: "*";
          to: "usage_overview";
          isOneToOne: true;
          isSetofReturn: false;
        };
      };
      get_usage_state: {
        Args: Record<PropertyKey, never>;
        Returns: Database["public"]["CompositeTypes"]["usage_state"];
        SetofOptions: {
          from: "*";
          to: "usage_state";
          isOneToOne: true;
          isSetofReturn: false;
        };
      };
      get_user_session_stats: {
        Args: { days_back?: number; user_id?: string };
        Returns: Database["public"]["CompositeTypes"]["session_stats"];
        SetofOptions: {
          from: "*";
          to: "session_stats";
          isOneToOne: true;
          isSetofReturn: false;
        };
      };
      grant_credits: {
        Args: {
          credits: number;
          expires_at?: string;
          idempotency_key?: string;
          priority?: number;
          source?: string;
          user_id: string;
        };
        Returns: {
          created_at: string;
          credits: number;
          expires_at: string | null;
          id: string;
          priority: number;
          remaining: number;
          source: string;
          user_id: string | null;
        };
        SetofOptions: {
          from: "*";
          to: "credit_grants";
          isOneToOne: true;
          isSetofReturn: false;
        };
      };
      health: {
        Args: Record<PropertyKey, never>;
        Returns: Database["public"]["CompositeTypes"]["health_report"];
        SetofOptions: {
          from: "*";
          to: "health_report";
          isOneToOne: true;
          isSetofReturn: false;
        };
      };
      heartbeat_usage_session: {
        Args: { device_id?: string; session_id: string };
        Returns: Database["public"]["CompositeTypes"]["usage_state"];
        SetofOptions: {
          from: "*";
          to: "usage_state";
          isOneToOne: true;
          isSetofReturn: false;
        };
      };
      heartbeat_user_session: { Args: { session_id: string }; Returns: string };
      hold_credits: {
        Args: { credits: number; idempotency_key?: string; ttl?: string; user_id: string };
        Returns: {
          created_at: string;
          credits: number;
          expires_at: string;
          id: string;
          status: string;
          user_id: string;
        };
        SetofOptions: {
          from: "*";
          to: "credit_holds";
          isOneToOne: true;
          isSetofReturn: false;
        };
      };
      join_session: {
        Args: { access_method?: string; display_name?: string; invite_code?: string; session_id?: string };
        Returns: {
          display_name: string | null;
          id: string;
          is_active: boolean;
          joined_at: string;
          last_seen_at: string;
          left_at: string | null;
          session_id: string;
          user_id: string;
        };
        SetofOptions: {
          from: "*";
          to: "session_participants";
          isOneToOne: true;
          isSetofReturn: false;
        };
      };
      leave_session: { Args: { session_id: string }; Returns: undefined };
      list_participants: {
        Args: { session_id: string };
        Returns: Database["public"]["CompositeTypes"]["participant_presence"][];
        SetofOptions: {
          from: "*";
          to: "participant_presence";
          isOneToOne: false;
          isSetofReturn: true;
        };
      };
      list_usage_logs: {
        Args: { before?: string; before_id?: string; page_size?: number; thread_id?: string };
        Returns: {
          completion_tokens: number;
          created_at: string;
          credits: number;
          id: string;
          kind: string;
          metadata: NonNullable<Json>;
          model: string | null;
          prompt_tokens: number;
          refunded_at: string | null;
          thread_id: string | null;
          user_id: string;
          xact_id: unknown;
        }[];
        SetofOptions: {
          from: "*";
          to: "usage_logs";
          isOneToOne: false;
          isSetofReturn: true;
        };
      };
      list_usage_sessions: {
        Args: { before?: string; before_id?: string; page_size?: number };
        Returns: Database["public"]["CompositeTypes"]["usage_session_summary"][];
        SetofOptions: {
          from: "*";
          to: "usage_session_summary";
          isOneToOne: false;
          isSetofReturn: true;
        };
      };
      log_session_event: {
        Args: { event_data?: Json; event_id?: string; event_type: string; session_id: string };
        Returns: string;
      };
      log_session_events: { Args: { events: Json; session_id: string }; Returns: number };
      pause_usage_session: {
        Args: { device_id?: string; session_id: string };
        Returns: Database["public"]["CompositeTypes"]["usage_state"];
        SetofOptions: {
          from: "*";
          to: "usage_state";
          isOneToOne: true;
          isSetofReturn: false;
        };
      };
      record_purchase: {
        Args: {
          amount: number;
          credits: number;
          credits_expire_at?: string;
          currency: string;
          provider: string;
          provider_ref: string;
          status: string;
          user_id: string;
        };
        Returns: {
          amount: number;
          completed_at: string | null;
          created_at: string;
          credits: number;
          currency: string;
          id: string;
          provider: string;
          provider_ref: string;
          status: string;
          user_id: string | null;
        };
        SetofOptions: {
          from: "*";
          to: "credit_purchases";
          isOneToOne: true;
          isSetofReturn: false;
        };
      };
      record_usage: {
        Args: {
          completion_tokens?: number;
          credits?: number;
          hold_id?: string;
          idempotency_key?: string;
          kind?: string;
          metadata?: Json;
          model?: string;
          overdraft?: boolean;
          prompt_tokens?: number;
          thread_id?: string;
          user_id: string;
        };
        Returns: Database["public"]["CompositeTypes"]["usage_receipt"];
        SetofOptions: {
          from: "*";
          to: "usage_receipt";
          isOneToOne: true;
          isSetofReturn: false;
        };
      };
      record_usage_batch: {
        Args: { entries: Json };
        Returns: Database["public"]["CompositeTypes"]["usage_receipt"][];
        SetofOptions: {
          from: "*";
          to: "usage_receipt";
          isOneToOne: false;
          isSetofReturn: true;
        };
      };
      refund_usage: {
        Args: { reason: string; usage_log_id: string };
        Returns: Database["public"]["CompositeTypes"]["usage_receipt"];
        SetofOptions: {
          from: "*";
          to: "usage_receipt";
          isOneToOne: true;
          isSetofReturn: false;
        };
      };
      release_hold: {
        Args: { hold_id: string };
        Returns: {
          created_at: string;
          credits: number;
          expires_at: string;
          id: string;
          status: string;
          user_id: string;
        };
        SetofOptions: {
          from: "*";
          to: "credit_holds";
          isOneToOne: true;
          isSetofReturn: false;
        };
      };
      remove_participant: { Args: { participant_user_id: string; session_id: string }; Returns: undefined };
      resume_usage_session: {
        Args: { device_id?: string; session_id: string };
        Returns: Database["public"]["CompositeTypes"]["usage_state"];
        SetofOptions: {
          from: "*";
          to: "usage_state";
          isOneToOne: true;
          isSetofReturn: false;
        };
      };
      set_account: {
        Args: { display_name?: string; email?: string; plan_id?: string; user_id: string; user_type?: string };
        Returns: {
          changed_at: string;
          created_at: string;
          display_name: string | null;
          email: string | null;
          period_anchor: string;
          plan_id: string;
          user_id: string;
          user_type: string;
          version: number;
        };
        SetofOptions: {
          from: "*";
          to: "accounts";
          isOneToOne: true;
          isSetofReturn: false;
        };
      };
      start_usage_session: {
        Args: { device_id?: string; metadata?: Json; take_over?: boolean };
        Returns: Database["public"]["CompositeTypes"]["usage_state"];
        SetofOptions: {
          from: "*";
          to: "usage_state";
          isOneToOne: true;
          isSetofReturn: false;
        };
      };
      start_user_session: {
        Args: { app_section?: string; device_info?: Json; metadata?: Json };
        Returns: {
          app_section: string | null;
          device_info: NonNullable<Json>;
          duration_seconds: number | null;
          end_token: string | null;
          id: string;
          last_seen_at: string;
          metadata: NonNullable<Json>;
          session_end: string | null;
          session_start: string;
          user_id: string;
        };
        SetofOptions: {
          from: "*";
          to: "user_sessions";
          isOneToOne: true;
          isSetofReturn: false;
        };
      };
      stop_usage_session: {
        Args: { session_id: string };
        Returns: Database["public"]["CompositeTypes"]["usage_state"];
        SetofOptions: {
          from: "*";
          to: "usage_state";
          isOneToOne: true;
          isSetofReturn: false;
        };
      };
      touch_presence: { Args: { session_id: string }; Returns: string };
      update_session_section: {
        Args: { metadata?: Json; section: string; session_id: string };
        Returns: {
          app_section: string | null;
          device_info: NonNullable<Json>;
          duration_seconds: number | null;
          end_token: string | null;
          id: string;
          last_seen_at: string;
          metadata: NonNullable<Json>;
          session_end: string | null;
          session_start: string;
          user_id: string;
        };
        SetofOptions: {
          from: "*";
          to: "user_sessions";
          isOneToOne: true;
          isSetofReturn: false;
        };
      };
      usage_ping: {
        Args: { active: boolean; device_id?: string; session_id?: string };
        Returns: Database["public"]["CompositeTypes"]["usage_state"];
        SetofOptions: {
          from: "*";
          to: "usage_state";
          isOneToOne: true;
          isSetofReturn: false;
        };
      };
    };
    Enums: {
      [_ in never]: never;
    };
    CompositeTypes: {
      cleanup_result: {
        sessions_ended: number | null;
        sessions_removed: number | null;
        events_removed: number | null;
      };
      cleanup_stats: {
        total_runs: number | null;
        last_run_at: string | null;
        last_run_by: string | null;
        last_removed: number | null;
        total_removed: number | null;
      };
      credit_balance: {
        balance: number | null;
        held: number | null;
        available: number | null;
        expiring_next: number | null;
        expires_next_at: string | null;
        used_this_period: number | null;
        version: number | null;
      };
      health_report: {
        ok: boolean | null;
        checks: Json | null;
      };
      participant_presence: {
        user_id: string | null;
        display_name: string | null;
        role: string | null;
        is_online: boolean | null;
        joined_at: string | null;
        last_seen_at: string | null;
      };
      session_analytics: {
        average_session_seconds: number | null;
        peak_usage_hours: Json | null;
        retention_rate: number | null;
        per_day: Json | null;
      };
      session_expiry: {
        is_expired: boolean | null;
        last_activity_at: string | null;
        expires_at: string | null;
        minutes_until_expiry: number | null;
      };
      session_stats: {
        total_sessions: number | null;
        total_seconds: number | null;
        average_seconds: number | null;
        section_counts: Json | null;
        section_seconds: Json | null;
        last_session_start: string | null;
        active_sessions: number | null;
      };
      subscription_summary: {
        plan_id: string | null;
        plan_name: string | null;
        period_started_at: string | null;
        period_ends_at: string | null;
        limit_seconds: number | null;
        used_seconds: number | null;
        remaining_seconds: number | null;
        credits_per_period: number | null;
        credits_used: number | null;
        balance: number | null;
        available: number | null;
        server_time: string | null;
      };
      thread_usage: {
        thread_id: string | null;
        credits: number | null;
        prompt_tokens: number | null;
        completion_tokens: number | null;
        total_tokens: number | null;
        requests: number | null;
        last_used_at: string | null;
      };
      usage_metrics: {
        per_day: Json | null;
        per_hour: Json | null;
      };
      usage_overview: {
        rows: Json | null;
        total_rows: number | null;
        total_users: number | null;
        total_requests: number | null;
        total_tokens: number | null;
        total_credits: number | null;
        total_revenue: Json | null;
        fresh_as_of: string | null;
      };
      usage_receipt: {
        usage_log_id: string | null;
        user_id: string | null;
        thread_id: string | null;
        credits: number | null;
        lots: Json | null;
        balance: number | null;
        available: number | null;
        version: number | null;
        created_at: string | null;
        refunded_at: string | null;
      };
      usage_session_summary: {
        id: string | null;
        status: string | null;
        device_id: string | null;
        started_at: string | null;
        ended_at: string | null;
        active_seconds: number | null;
        metadata: Json | null;
      };
      usage_state: {
        session_id: string | null;
        status: string | null;
        is_active: boolean | null;
        time_remaining_seconds: number | null;
        time_remaining_minutes: number | null;
        total_usage_seconds: number | null;
        total_usage_minutes: number | null;
        current_session_seconds: number | null;
        session_started_at: string | null;
        session_expires_at: string | null;
        session_cap_at: string | null;
        is_valid_for_recording: boolean | null;
        has_reached_limit: boolean | null;
        is_near_limit: boolean | null;
        device_id: string | null;
        end_token: string | null;
        limit_seconds: number | null;
        period_started_at: string | null;
        period_ends_at: string | null;
        server_time: string | null;
        version: number | null;
      };
    };
  };
};

type DatabaseWithoutInternals = Omit<Database, "__InternalSupabase">;

type DefaultSchema = DatabaseWithoutInternals[Extract<keyof Database, "public">];

export type Tables<
  DefaultSchemaTableNameOrOptions extends
    | keyof (DefaultSchema["Tables"] & DefaultSchema["Views"])
    | { schema: keyof DatabaseWithoutInternals },
  TableName extends DefaultSchemaTableNameOrOptions extends {
    schema: keyof DatabaseWithoutInternals;
  }
    ? keyof (DatabaseWithoutInternals[DefaultSchemaTableNameOrOptions["schema"]]["Tables"] &
        DatabaseWithoutInternals[DefaultSchemaTableNameOrOptions["schema"]]["Views"])
    : never = never,
> = DefaultSchemaTableNameOrOptions extends { schema: keyof DatabaseWithoutInternals }
  ? (DatabaseWithoutInternals[DefaultSchemaTableNameOrOptions["schema"]]["Tables"] &
      DatabaseWithoutInternals[DefaultSchemaTableNameOrOptions["schema"]]["Views"])[TableName] extends {
      Row: infer R;
    }
    ? R
    : never
  : DefaultSchemaTableNameOrOptions extends keyof (DefaultSchema["Tables"] & DefaultSchema["Views"])
    ? (DefaultSchema["Tables"] & DefaultSchema["Views"])[DefaultSchemaTableNameOrOptions] extends {
        Row: infer R;
      }
      ? R
      : never
    : never;

export type TablesInsert<
  DefaultSchemaTableNameOrOptions extends keyof DefaultSchema["Tables"] | { schema: keyof DatabaseWithoutInternals },
  TableName extends DefaultSchemaTableNameOrOptions extends {
    schema: keyof DatabaseWithoutInternals;
  }
    ? keyof DatabaseWithoutInternals[DefaultSchemaTableNameOrOptions["schema"]]["Tables"]
    : never = never,
> = DefaultSchemaTableNameOrOptions extends { schema: keyof DatabaseWithoutInternals }
  ? DatabaseWithoutInternals[DefaultSchemaTableNameOrOptions["schema"]]["Tables"][TableName] extends {
      Insert: infer I;
    }
    ? I
    : never
  : DefaultSchemaTableNameOrOptions extends keyof DefaultSchema["Tables"]
    ? DefaultSchema["Tables"][DefaultSchemaTableNameOrOptions] extends {
        Insert: infer I;
      }
      ? I
      : never
    : never;

export type TablesUpdate<
  DefaultSchemaTableNameOrOptions extends keyof DefaultSchema["Tables"] | { schema: keyof DatabaseWithoutInternals },
  TableName extends DefaultSchemaTableNameOrOptions extends {
    schema: keyof DatabaseWithoutInternals;
  }
    ? keyof DatabaseWithoutInternals[DefaultSchemaTableNameOrOptions["schema"]]["Tables"]
    : never = never,
> = DefaultSchemaTableNameOrOptions extends { schema: keyof DatabaseWithoutInternals }
  ? DatabaseWithoutInternals[DefaultSchemaTableNameOrOptions["schema"]]["Tables"][TableName] extends {
      Update: infer U;
    }
    ? U
    : never
  : DefaultSchemaTableNameOrOptions extends keyof DefaultSchema["Tables"]
    ? DefaultSchema["Tables"][DefaultSchemaTableNameOrOptions] extends {
        Update: infer U;
      }
      ? U
      : never
    : never;

export type Enums<
  DefaultSchemaEnumNameOrOptions extends keyof DefaultSchema["Enums"] | { schema: keyof DatabaseWithoutInternals },
  EnumName extends DefaultSchemaEnumNameOrOptions extends {
    schema: keyof DatabaseWithoutInternals;
  }
    ? keyof DatabaseWithoutInternals[DefaultSchemaEnumNameOrOptions["schema"]]["Enums"]
    : never = never,
> = DefaultSchemaEnumNameOrOptions extends { schema: keyof DatabaseWithoutInternals }
  ? DatabaseWithoutInternals[DefaultSchemaEnumNameOrOptions["schema"]]["Enums"][EnumName]
  : DefaultSchemaEnumNameOrOptions extends keyof DefaultSchema["Enums"]
    ? DefaultSchema["Enums"][DefaultSchemaEnumNameOrOptions]
    : never;

export type CompositeTypes<
  PublicCompositeTypeNameOrOptions extends
    | keyof DefaultSchema["CompositeTypes"]
    | { schema: keyof DatabaseWithoutInternals },
  CompositeTypeName extends PublicCompositeTypeNameOrOptions extends {
    schema: keyof DatabaseWithoutInternals;
  }
    ? keyof DatabaseWithoutInternals[PublicCompositeTypeNameOrOptions["schema"]]["CompositeTypes"]
    : never = never,
> = PublicCompositeTypeNameOrOptions extends { schema: keyof DatabaseWithoutInternals }
  ? DatabaseWithoutInternals[PublicCompositeTypeNameOrOptions["schema"]]["CompositeTypes"][CompositeTypeName]
  : PublicCompositeTypeNameOrOptions extends keyof DefaultSchema["CompositeTypes"]
    ? DefaultSchema["CompositeTypes"][PublicCompositeTypeNameOrOptions]
    : never;

export const Constants = {
  public: {
    Enums: {},
  },
} as const;
